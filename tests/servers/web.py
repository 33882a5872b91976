"""A web server on a free port of loopback, in a thread, for as long as the block that it is opened in."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Self


class LoopbackServer:
    """What every small web server of the tests is: subclasses say how it answers, in `_handler`."""

    def __init__(self) -> None:
        self._server = HTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def address(self, path: str) -> str:
        """The address of *path* here."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        raise TypeError(f"{type(self).__name__} does not say how it answers")
