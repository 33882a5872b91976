"""The tests' own servers: what they promise to the tests that lean on them."""

import psycopg
import pytest

from pec_tracker.wire.endpoint import Login
from pec_tracker.wire.smtp import SendOutcome, Submitter
from tests.servers.certificates import Authority
from tests.servers.dovecot import Dovecot
from tests.servers.programs import MissingProgramError, program, wait_until
from tests.servers.smtpsink import SmtpSink


def test_missing_program_names_its_package() -> None:
    with pytest.raises(MissingProgramError, match="Debian package some-package"):
        program("no-such-program-here", package="some-package")


@pytest.mark.postfix
def test_submission_works_without_root_too(test_ca: Authority) -> None:
    with SmtpSink(test_ca) as sink, Submitter(sink.endpoint(), Login("a@pec.example", "x")) as submitter:
        result = submitter.submit(
            mail_from="a@pec.example",
            rcpt_to=["b@pec.example"],
            raw=b"Subject: prova\r\n\r\n.punto\r\n",
            before_final_dot=lambda: None,
        )
        assert result.outcome is SendOutcome.SUBMITTED
        wait_until(lambda: len(sink.received()) == 1, seconds=5, what="the sink has the message")
        assert b"Subject: prova" in sink.received()[0]


@pytest.mark.postgres
def test_each_test_has_an_empty_database_of_its_own(postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert row == (0,)


@pytest.mark.dovecot
def test_mail_delivered_by_lmtp_arrives(dovecot: Dovecot) -> None:
    login = dovecot.add_user()
    dovecot.deliver(login.user, b"Subject: consegnata\r\n\r\nciao\r\n")
    with dovecot.client(login) as client:
        client.select_folder("INBOX")
        assert client.search(["SUBJECT", "consegnata"]) == [1]
