"""Dovecot as the IMAP server: private, unprivileged, on loopback with TLS; users and quotas are made as needed.

`with Dovecot(authority) as dovecot:` outside of pytest too. Each user is a mailbox of its own, so that tests share
one server and nothing else.
"""

import itertools
import os
import shutil
import signal
import smtplib
import subprocess
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import imapclient

from pec_tracker.wire.endpoint import Endpoint, Login, Security
from tests.servers import dovecot_config
from tests.servers.certificates import Authority
from tests.servers.programs import free_port, listening, program, service_folder, service_user, stop, wait_until

PASSWORD = "segreta"
_MULTIAPPEND = 100  # mails in one APPEND


class Dovecot:
    """One server. `imaps_port`, `imap_port` (STARTTLS), `lmtp_port`, `auth_port` (SASL for Postfix) on 127.0.0.1."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self._user = service_user()
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.imaps_port, self.imap_port, self.lmtp_port, self.auth_port = (free_port() for _ in range(4))
        self.folder = Path()

    def start(self) -> None:
        """Write the configuration for the version that is installed, start, and wait until it answers."""
        dovecot = program("dovecot", package="dovecot-imapd")
        program("lmtp", package="dovecot-lmtpd")
        self.folder = service_folder("dov", user=self._user)
        certificate = self.authority.issue()
        layout = dovecot_config.Layout(
            folder=self.folder,
            user=self._user,
            certificate=certificate,
            imaps_port=self.imaps_port,
            imap_port=self.imap_port,
            lmtp_port=self.lmtp_port,
            auth_port=self.auth_port,
        )
        version = subprocess.run([dovecot, "--version"], capture_output=True, text=True, check=True).stdout
        configuration = self.folder / "dovecot.conf"
        configuration.write_text(dovecot_config.text(layout, version))
        for name in ("mail", "run", "state", "users"):
            (self.folder / name).mkdir()
        self._give_away(self.folder)
        with (self.folder / "stderr").open("wb") as errors:
            self._process = subprocess.Popen(
                self._user.command(dovecot, "-F", "-c", configuration), stdout=subprocess.DEVNULL, stderr=errors
            )
        wait_until(self._answers, seconds=20, what="Dovecot answers; its log: " + str(self.folder / "dovecot.log"))

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        if self._process is not None:
            stop(self._process, signal.SIGTERM)
            self._process = None
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def endpoint(self, *, security: Security = Security.TLS, timeout: float = 20.0) -> Endpoint:
        """Where and how to reach IMAP here."""
        port = self.imaps_port if security is Security.TLS else self.imap_port
        return Endpoint("localhost", port, security, self.authority.root, timeout)

    def add_user(self, name: str | None = None, *, quota_kilobytes: int | None = None) -> Login:
        """A new empty mailbox; by default under a name that nobody has."""
        user = name or f"casella{next(self._numbers)}@pec.example"
        extra = "" if quota_kilobytes is None else dovecot_config.quota_field(quota_kilobytes)
        file = self.folder / "users" / user
        file.write_text(f"{user}:{{PLAIN}}{PASSWORD}:::::: {extra}\n")
        file.chmod(0o644)
        return Login(user, PASSWORD)

    def deliver(self, recipient: str, raw: bytes, *, sender: str = "posta-certificata@pec.example") -> None:
        """Deliver one mail by LMTP, as a mail server does: trace headers come on top."""
        with smtplib.LMTP("127.0.0.1", self.lmtp_port) as lmtp:
            lmtp.sendmail(sender, [recipient], raw)

    def client(self, login: Login) -> imapclient.IMAPClient:
        """A plain IMAP client: the person in the webmail, who is not our code. The caller logs out."""
        context = imapclient.tls.create_default_context()
        context.load_verify_locations(self.authority.root)
        client = imapclient.IMAPClient("localhost", self.imaps_port, ssl_context=context, timeout=60)
        client.login(login.user, login.password)
        return client

    def append(
        self,
        login: Login,
        mails: Iterable[bytes],
        *,
        folder: str = "INBOX",
        internal_at: datetime | None = None,
        flags: Sequence[bytes] = (),
    ) -> int:
        """Put mails (CRLF line ends) into a folder, made if it is missing, without trace headers; returns how many."""
        count = 0
        with self.client(login) as client:
            if not client.folder_exists(folder):
                client.create_folder(folder)
            waiting = iter(mails)
            while batch := list(itertools.islice(waiting, _MULTIAPPEND)):
                each: list[dict[str, object]] = [{"msg": raw, "flags": flags} for raw in batch]
                for one in each if internal_at is not None else ():
                    one["date"] = internal_at
                client.multiappend(folder, each)
                count += len(batch)
        return count

    def mail_folder(self, login: Login) -> Path:
        """The Maildir of a user."""
        return self.folder / "mail" / login.user / "Maildir"

    def kill_sessions(self, login: Login) -> None:
        """Throw out everybody who is logged in as this user, as a restart or an administrator does."""
        doveadm = program("doveadm", package="dovecot-core")
        subprocess.run(
            [doveadm, "-c", self.folder / "dovecot.conf", "kick", login.user], check=True, capture_output=True
        )

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"Dovecot ended at once: {(self.folder / 'stderr').read_text()}")
        return all(listening(port) for port in (self.imaps_port, self.imap_port, self.lmtp_port, self.auth_port))

    def _give_away(self, folder: Path) -> None:
        if self._user.uid != os.geteuid():
            for path in (folder, *folder.rglob("*")):
                os.chown(path, self._user.uid, self._user.gid)
