"""Postfix as an office runs it beside its programs: it takes their mail and hands it all over to one server of ours."""

import smtplib
from email.message import EmailMessage
from pathlib import Path

from tests.servers.postfix import MASTER, Postfix
from tests.servers.programs import free_port


class RelayHost(Postfix):
    """Takes mail from this computer without a login, and relays it to *port* under *login*."""

    def __init__(self, port: int, *, login: str, password: str) -> None:
        self._size_limit = 100_000_000
        self._next = f"[127.0.0.1]:{port}"
        self._login = f"{login}:{password}"
        self.tls_port = self.starttls_port = free_port()
        self.folder = Path()
        self._running = False

    def send(self, mail: EmailMessage) -> None:
        """Hand it a message, as a program on this computer does."""
        with smtplib.SMTP("127.0.0.1", self.starttls_port) as client:
            client.send_message(mail)

    def _main(self, commands: Path) -> str:
        return f"""
compatibility_level = 3.6
queue_directory = {self.folder}/queue
data_directory = {self.folder}/lib
command_directory = {commands}
maillog_file_prefixes = {self.folder}
maillog_file = {self.folder}/log
myhostname = ufficio.example.it
mydestination =
local_transport = error:no local mail here
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = {self._next}
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = inline:{{ {{ {self._next} = {self._login} }} }}
smtp_sasl_security_options = noanonymous
smtp_tls_security_level = none
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
message_size_limit = {self._size_limit}
mailbox_size_limit = 0
smtpd_relay_restrictions = permit_mynetworks, reject
"""

    def _master(self) -> str:
        return f"127.0.0.1:{self.starttls_port} inet n - n - - smtpd\n" + MASTER
