"""A web server of one's own, for lists of revoked certificates and OCSP; it counts who asked for what."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from tests.servers.web import LoopbackServer


class WebServer(LoopbackServer):
    """Answers each path by `pages`: bytes, or a function of the request's body; anything else is 404."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | Callable[[bytes], bytes]] = {}
        self.asked: list[str] = []
        super().__init__()

    def url(self, path: str) -> str:
        """The address of a page."""
        return self.address(path)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(b"")

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, body: bytes) -> None:
                server.asked.append(self.path)
                page = server.pages.get(self.path)
                content = page(body) if callable(page) else page
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                """Nothing to say."""

        return Handler
