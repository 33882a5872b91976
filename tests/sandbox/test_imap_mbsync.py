"""Does a mail program that is not ours get along with the sandbox? mbsync copies a mailbox over TLS."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pec_tracker.sandbox.store import Store
from tests.sandbox.imap_running import LOGIN, PASSWORD, RunningImap, account, make_certificates, running_imap

X_TUID = re.compile(rb"(?m)^X-TUID: .*\n")
CONFIGURATION = """
IMAPAccount sandbox
Host localhost
Port {port}
User {login}
PassCmd "cat {folder}/password"
SSLType {ssl_type}
CertificateFile {authority}

IMAPStore far
Account sandbox

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
CopyArrivalDate yes
"""


def _mbsync(configuration: Path) -> str:
    program = shutil.which("mbsync")
    if program is None:
        pytest.fail("mbsync is not on PATH: apt-get install isync")
    run = subprocess.run(
        [program, "-V", "-c", str(configuration), "-a"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "HOME": str(configuration.parent)},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def _configure(folder: Path, server: RunningImap, authority: Path, ssl_type: str) -> Path:
    (folder / "mail").mkdir()
    (folder / "password").write_text(PASSWORD)
    configuration = folder / "mbsyncrc"
    text = CONFIGURATION.format(port=server.port, login=LOGIN, folder=folder, authority=authority, ssl_type=ssl_type)
    configuration.write_text(text)
    return configuration


def _copied(folder: Path) -> dict[str, list[bytes]]:
    """The mails of each Maildir, without the X-TUID by which mbsync knows its copies."""
    maildirs = {path.parent for path in (folder / "mail").rglob("cur")}
    return {
        maildir.name: sorted(
            X_TUID.sub(b"", mail.read_bytes()) for mail in [*maildir.glob("cur/*"), *maildir.glob("new/*")]
        )
        for maildir in maildirs
    }


def _mails(count: int) -> list[bytes]:
    return sorted(
        f"From: a@pec.example.it\r\nSubject: mail {n}\r\nMessage-ID: <{n}@x>\r\n\r\n{'riga ' * n}\r\n".encode()
        for n in range(count)
    )


@pytest.mark.parametrize(("ssl_type", "starttls"), [("IMAPS", False), ("STARTTLS", True)])
def test_mbsync_copies_every_mail_and_finds_nothing_more_to_do(tmp_path: Path, ssl_type: str, starttls: bool) -> None:
    certificates = make_certificates(tmp_path)
    store = Store(tmp_path / "store")
    store.add_account(account())
    with running_imap(store, ssl_context=certificates.server, starttls=starttls) as server:
        mails, sent = _mails(120), _mails(3)
        for raw in mails:
            server.deliver(raw)
        for raw in sent:
            server.deliver(raw, folder="INBOX.Inviata", flags=("\\Seen",))
        configuration = _configure(tmp_path, server, certificates.authority, ssl_type)
        _mbsync(configuration)
        copied = _copied(tmp_path)
        assert copied["INBOX"] == [raw.replace(b"\r\n", b"\n") for raw in mails]
        assert copied["Inviata"] == [raw.replace(b"\r\n", b"\n") for raw in sent]
        before = server.call(lambda: [folder.modseq for folder in store.mailbox(account().address).folders.values()])
        _mbsync(configuration)
        assert _copied(tmp_path) == copied
        after = server.call(lambda: [folder.modseq for folder in store.mailbox(account().address).folders.values()])
        assert after == before


def test_mbsync_brings_up_what_was_written_and_deleted_at_home(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    store = Store(None)
    store.add_account(account())
    with running_imap(store, ssl_context=certificates.server) as server:
        for raw in _mails(3):
            server.deliver(raw)
        configuration = _configure(tmp_path, server, certificates.authority, "IMAPS")
        _mbsync(configuration)
        inbox = tmp_path / "mail" / "INBOX"
        first = sorted(inbox.glob("new/*"))[0]
        first.rename(inbox / "cur" / (first.name.partition(":")[0] + ":2,ST"))
        (inbox / "new" / "1.1.here").write_bytes(b"Subject: from home\n\nhello\n")
        _mbsync(configuration)
        subjects = server.call(
            lambda: [mail.raw() for mail in store.mailbox(account().address).folders["INBOX"].mails.values()]
        )
    assert len(subjects) == 3
    assert sum(b"Subject: from home\r\n" in raw for raw in subjects) == 1
