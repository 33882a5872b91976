"""Postfix as the submission server: private queue and ports, TLS, logins checked by Dovecot, delivery into Dovecot.

Postfix starts only as root (its master changes users); without root, `SmtpSink` takes its place.
"""

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from pec_tracker.wire.endpoint import Endpoint, Security
from tests.servers.dovecot import Dovecot
from tests.servers.programs import MissingProgramError, free_port, listening, program, service_folder, wait_until

# The services that a queue with LMTP delivery needs, as in Debian's master.cf.
MASTER = """
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """One server on 127.0.0.1: `tls_port` (TLS from the first byte) and `starttls_port`. Its users are Dovecot's."""

    def __init__(self, dovecot: Dovecot, *, size_limit: int = 100_000_000) -> None:
        self._dovecot = dovecot
        self._size_limit = size_limit
        self.tls_port, self.starttls_port = free_port(), free_port()
        self.folder = Path()
        self._running = False

    def start(self) -> None:
        """Write the configuration, start, and wait until both ports answer."""
        postfix = program("postfix", package="postfix")
        if os.geteuid() != 0:
            raise MissingProgramError("Postfix needs root to start: run the tests as root, or use SmtpSink")
        self.folder = service_folder("pfx")
        (self.folder / "etc").mkdir()
        (self.folder / "queue").mkdir()
        (self.folder / "lib").mkdir()
        owner = pwd.getpwnam("postfix")
        os.chown(self.folder / "lib", owner.pw_uid, owner.pw_gid)
        (self.folder / "etc/main.cf").write_text(self._main(postfix.parent))
        (self.folder / "etc/owners").write_text("/^(.*)$/ $1\n")  # each login may send as itself only, as in PEC
        (self.folder / "etc/master.cf").write_text(self._master())
        subprocess.run([postfix, "-c", self.folder / "etc", "start"], check=True, capture_output=True)
        self._running = True
        wait_until(
            lambda: listening(self.tls_port) and listening(self.starttls_port),
            seconds=20,
            what=f"Postfix answers; its log: {self.folder / 'log'}",
        )

    def stop(self) -> None:
        """Stop the server and remove its folder with whatever is queued."""
        if self._running:
            postfix = program("postfix", package="postfix")
            subprocess.run([postfix, "-c", self.folder / "etc", "stop"], check=False, capture_output=True)
            self._running = False
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def waiting(self) -> int:
        """How many messages it still has: tried, and to be tried again."""
        return sum(file.is_file() for name in ("incoming", "active", "deferred") for file in self._queue(name))

    def _queue(self, name: str) -> list[Path]:
        return list((self.folder / "queue" / name).rglob("*"))

    def endpoint(self, *, security: Security = Security.TLS, timeout: float = 20.0) -> Endpoint:
        """Where and how to submit here."""
        port = self.tls_port if security is Security.TLS else self.starttls_port
        return Endpoint("localhost", port, security, self._dovecot.authority.root, timeout)

    def _main(self, commands: Path) -> str:
        certificate = self._dovecot.authority.issue()
        return f"""
compatibility_level = 3.6
queue_directory = {self.folder}/queue
data_directory = {self.folder}/lib
command_directory = {commands}
maillog_file_prefixes = {self.folder}
maillog_file = {self.folder}/log
myhostname = posta.pec.example
mydestination =
local_transport = error:no local mail here
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
local_header_rewrite_clients =
virtual_mailbox_domains = pec.example
virtual_mailbox_maps =
virtual_transport = lmtp:inet:127.0.0.1:{self._dovecot.lmtp_port}
message_size_limit = {self._size_limit}
mailbox_size_limit = 0
virtual_mailbox_limit = 0
smtpd_tls_cert_file = {certificate.certificate}
smtpd_tls_key_file = {certificate.key}
smtpd_tls_security_level = encrypt
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{self._dovecot.auth_port}
smtpd_sender_login_maps = regexp:{self.folder}/etc/owners
smtpd_sender_restrictions = reject_sender_login_mismatch
smtpd_recipient_restrictions = reject_unauth_destination, permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_client_connection_rate_limit = 0
smtpd_error_sleep_time = 0
"""

    def _master(self) -> str:
        return (
            f"127.0.0.1:{self.starttls_port} inet n - n - - smtpd\n"
            f"127.0.0.1:{self.tls_port} inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=yes\n" + MASTER
        )
