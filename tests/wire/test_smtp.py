"""A message leaves once, or it is said that it did not: real Postfix, and servers that break at every point."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker import crash
from pec_tracker.errors import LoginRefusedError, ServerError, TlsError
from pec_tracker.wire.endpoint import Endpoint, Login, Security
from pec_tracker.wire.smtp import SendOutcome, SendResult, Submitter, probe_smtp
from pec_tracker.wire.smtp_session import stuffed
from tests.servers.certificates import Authority
from tests.servers.dovecot import Dovecot
from tests.servers.faultproxy import FaultProxy, Faults
from tests.servers.postfix import Postfix
from tests.servers.programs import free_port, wait_until
from tests.servers.scripted import Line, ScriptedServer
from tests.servers.scripted_smtp import Fault, Reply, SmtpScript

LOGIN = Login("mittente@pec.example", "segreta")
RAW = b"Subject: prova\r\n\r\n.una riga\r\n" + b"x" * 70 + b"\r\n..\r\n"
TO = ["uno@pec.example", "due@pec.example"]


def nothing() -> None:
    """A commit before the final dot that always works."""


@contextmanager
def broken_server(ca: Authority, faults: dict[str, Reply]) -> Iterator[tuple[ScriptedServer, SmtpScript]]:
    script = SmtpScript(faults)
    with ScriptedServer(ca, script) as server:
        yield server, script


def submit_once(
    server: ScriptedServer, *, raw: bytes = RAW, commit: Callable[[], None] = nothing, timeout: float = 5
) -> SendResult:
    with Submitter(server.endpoint(timeout=timeout), LOGIN) as submitter:
        return submitter.submit(mail_from=LOGIN.user, rcpt_to=TO, raw=raw, before_final_dot=commit)


# --- real servers


@pytest.mark.postfix
@pytest.mark.parametrize("security", Security)
def test_real_server_gets_the_bytes_as_they_are(postfix: Postfix, dovecot: Dovecot, security: Security) -> None:
    sender, recipient = dovecot.add_user(), dovecot.add_user()
    with Submitter(postfix.endpoint(security=security), sender) as submitter:
        for _ in range(2):  # the second one over the same connection
            result = submitter.submit(
                mail_from=sender.user, rcpt_to=[recipient.user], raw=RAW, before_final_dot=nothing
            )
            assert (result.outcome, result.code, result.stage) == (SendOutcome.SUBMITTED, 250, "reply")
    with dovecot.client(recipient) as inbox:
        inbox.select_folder("INBOX")
        wait_until(lambda: len(_arrived(inbox)) == 2, seconds=20, what="both messages arrive")
        bodies = [mail[b"BODY[]"] for mail in inbox.fetch(_arrived(inbox), ["BODY.PEEK[]"]).values()]
    assert all(body.endswith(RAW) for body in bodies)


def _arrived(inbox) -> list[int]:  # type: ignore[no-untyped-def]  # imapclient has no types
    inbox.noop()
    return list(inbox.search())


@pytest.mark.postfix
def test_one_refused_recipient_stops_the_message_for_all(postfix: Postfix, dovecot: Dovecot) -> None:
    sender, recipient = dovecot.add_user(), dovecot.add_user()
    commits: list[int] = []
    with Submitter(postfix.endpoint(), sender) as submitter:
        result = submitter.submit(
            mail_from=sender.user,
            rcpt_to=[recipient.user, "altrove@elsewhere.example"],
            raw=RAW,
            before_final_dot=lambda: commits.append(1),
        )
        after = submitter.submit(mail_from=sender.user, rcpt_to=[recipient.user], raw=RAW, before_final_dot=nothing)
    assert (result.outcome, result.stage) == (SendOutcome.REFUSED, "rcpt")
    assert result.recipient == "altrove@elsewhere.example"
    assert not commits
    assert after.outcome is SendOutcome.SUBMITTED


@pytest.mark.postfix
def test_real_server_refuses_a_sender_that_is_not_the_login(postfix: Postfix, dovecot: Dovecot) -> None:
    with Submitter(postfix.endpoint(), dovecot.add_user()) as submitter:
        result = submitter.submit(
            mail_from="altri@pec.example", rcpt_to=["uno@pec.example"], raw=RAW, before_final_dot=nothing
        )
    assert result.outcome is SendOutcome.REFUSED
    assert result.code == 553


@pytest.mark.postfix
def test_message_over_the_servers_limit_is_refused_before_it_is_uploaded(dovecot: Dovecot) -> None:
    sender = dovecot.add_user()
    with Postfix(dovecot, size_limit=50_000) as small, Submitter(small.endpoint(), sender) as submitter:
        raw = b"Subject: grande\r\n\r\n" + b"x" * 76 + b"\r\n"
        result = submitter.submit(
            mail_from=sender.user, rcpt_to=[sender.user], raw=raw * 1000, before_final_dot=nothing
        )
    assert (result.outcome, result.code, result.stage) == (SendOutcome.REFUSED, 552, "mail")


@pytest.mark.postfix
def test_wrong_password_at_a_real_server_is_a_refused_login(postfix: Postfix, dovecot: Dovecot) -> None:
    user = dovecot.add_user().user
    probe = probe_smtp(postfix.endpoint(), Login(user, "sbagliata"))
    assert (probe.stage, probe.ready) == ("login", False)
    assert isinstance(probe.error, LoginRefusedError)
    assert "sbagliata" not in str(probe.error)


@pytest.mark.postfix
def test_cut_anywhere_on_the_way_never_claims_more_or_less_than_is_true(
    postfix: Postfix, dovecot: Dovecot, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    """Cut after every so many bytes up: before the dot is `deferred`, after it `uncertain`, never `submitted`."""
    sender, recipient = dovecot.add_user(), dovecot.add_user()
    proxy = fault_proxy(postfix.tls_port)
    endpoint = Endpoint("localhost", proxy.port, Security.TLS, dovecot.authority.root, 10)

    def attempt(faults: Faults) -> SendResult:
        proxy.faults = faults
        with Submitter(endpoint, sender) as submitter:
            return submitter.submit(mail_from=sender.user, rcpt_to=[recipient.user], raw=RAW, before_final_dot=nothing)

    assert attempt(Faults()).outcome is SendOutcome.SUBMITTED
    whole = proxy.connections[-1].up
    seen = [attempt(Faults(cut_up=count)).outcome for count in range(0, whole, max(1, whole // 25))]
    assert set(seen) <= {SendOutcome.DEFERRED, SendOutcome.UNCERTAIN, SendOutcome.SUBMITTED}
    assert seen[:20] == [SendOutcome.DEFERRED] * 20
    queued = sum(outcome is SendOutcome.SUBMITTED for outcome in seen) + 1
    with dovecot.client(recipient) as inbox:
        inbox.select_folder("INBOX")
        wait_until(lambda: len(_arrived(inbox)) >= queued, seconds=20, what="what was submitted arrives")
        assert len(_arrived(inbox)) <= queued + sum(outcome is SendOutcome.UNCERTAIN for outcome in seen)


# --- each verb answers badly


@pytest.mark.parametrize("verb", ["MAIL", "RCPT <due@pec.example>", "DATA", "dot"])
@pytest.mark.parametrize(("code", "outcome"), [(451, SendOutcome.DEFERRED), (554, SendOutcome.REFUSED)])
def test_refusal_at_each_verb_is_told_with_the_servers_words(
    test_ca: Authority, verb: str, code: int, outcome: SendOutcome
) -> None:
    with broken_server(test_ca, {verb: b"%d 5.7.1 non accettato\x07" % code}) as (server, script):
        result = submit_once(server)
    stage = {"dot": "reply"}.get(verb, verb.split(" ")[0].lower())
    assert (result.outcome, result.code, result.stage) == (outcome, code, stage)
    assert result.reply == "5.7.1 non accettato"
    assert result.recipient == ("due@pec.example" if stage == "rcpt" else None)
    assert len(script.received) == (verb == "dot")


@pytest.mark.parametrize("reply", [b"251 2.0.0 ok", b"299 fine", b"250-one\r\n250 two"])
def test_any_2xx_after_the_dot_is_submitted(test_ca: Authority, reply: bytes) -> None:
    with broken_server(test_ca, {"dot": reply}) as (server, _):
        assert submit_once(server).outcome is SendOutcome.SUBMITTED


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.SILENCE, Fault.ENDLESS, b"hello", b"354 again", b"99 luftballons"])
@pytest.mark.parametrize("point", ["MAIL", "RCPT", "DATA"])
def test_server_lost_or_mad_before_the_dot_sends_nothing(test_ca: Authority, point: str, fault: Reply) -> None:
    if (point, fault) == ("DATA", b"354 again"):
        fault = b"355 again"
    with broken_server(test_ca, {point: fault}) as (server, script):
        result = submit_once(server, timeout=0.3)
    assert (result.outcome, result.stage) == (SendOutcome.DEFERRED, point.lower())
    assert bool(result.reply) != (result.problem is not None)  # its words, or ours
    assert not script.received


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.SILENCE, Fault.ENDLESS, b"hello", b"354 again"])
def test_server_lost_or_mad_after_the_dot_is_uncertain(test_ca: Authority, fault: Reply) -> None:
    with broken_server(test_ca, {"dot": fault}) as (server, script):
        result = submit_once(server, timeout=0.1)
    assert result.outcome is SendOutcome.UNCERTAIN
    assert result.stage in {"dot", "reply"}
    assert len(script.received) == 1


@pytest.mark.parametrize(
    ("said", "outcome"),
    [(b"552 too big", SendOutcome.REFUSED), (b"421 closing", SendOutcome.DEFERRED), (Fault.CUT, SendOutcome.DEFERRED)],
)
def test_server_that_stops_the_message_in_the_middle_is_heard(
    test_ca: Authority, said: Reply, outcome: SendOutcome
) -> None:
    commits: list[int] = []
    with broken_server(test_ca, {"body": said}) as (server, script):
        raw = b"Subject: grande\r\n\r\n" + (b"x" * 76 + b"\r\n") * 100_000
        result = submit_once(server, raw=raw, commit=lambda: commits.append(1))
    assert (result.outcome, result.stage) == (outcome, "body")
    assert not script.received
    assert not commits


def test_too_much_traffic_is_a_pause_and_not_a_refusal(test_ca: Authority) -> None:
    said = b'550 MAIL from: <x@y> blocked "Class Of Service" - Too much traffic from this sender'
    with broken_server(test_ca, {"MAIL": said}) as (server, _):
        result = submit_once(server)
    assert (result.outcome, result.code, result.pause) == (SendOutcome.DEFERRED, 550, True)


# --- the commit before the dot


def test_commit_that_fails_before_the_dot_sends_nothing(test_ca: Authority) -> None:
    class DatabaseGoneError(Exception):
        pass

    def fail() -> None:
        raise DatabaseGoneError

    with broken_server(test_ca, {}) as (server, script), Submitter(server.endpoint(), LOGIN) as submitter:
        with pytest.raises(DatabaseGoneError):
            submitter.submit(mail_from=LOGIN.user, rcpt_to=TO, raw=RAW, before_final_dot=fail)
        assert not script.received
        again = submitter.submit(mail_from=LOGIN.user, rcpt_to=TO, raw=RAW, before_final_dot=nothing)
        assert again.outcome is SendOutcome.SUBMITTED
        assert script.received == [RAW]


def test_commit_comes_after_the_whole_body_and_before_the_dot(test_ca: Authority) -> None:
    with broken_server(test_ca, {}) as (server, script):

        def commit() -> None:
            time.sleep(0.1)
            assert not script.received

        assert submit_once(server, commit=commit).outcome is SendOutcome.SUBMITTED
        assert script.received == [RAW]


def test_crash_points_are_passed_in_order(test_ca: Authority) -> None:
    passed: list[str] = []
    crash.install(passed.append)
    try:
        with broken_server(test_ca, {}) as (server, _):
            submit_once(server, commit=lambda: passed.append("commit"))
    finally:
        crash.install(None)
    points = ["before-mail", "after-rcpt", "mid-body", "before-dot", "after-dot", "after-reply"]
    assert [name.removeprefix("smtp.") for name in passed] == [*points[:4], "commit", *points[4:]]


def test_killed_at_mid_body_leaves_no_message(test_ca: Authority) -> None:
    class KilledError(BaseException):
        pass

    def kill(point: str) -> None:
        if point == "smtp.mid-body":
            raise KilledError

    crash.install(kill)
    try:
        with broken_server(test_ca, {}) as (server, script), pytest.raises(KilledError):
            submit_once(server)
    finally:
        crash.install(None)
    assert not script.received


# --- connection, encryption, login


def test_connection_that_the_server_closed_while_idle_is_opened_again(test_ca: Authority) -> None:
    with broken_server(test_ca, {"RSET": Fault.CUT}) as (server, script):
        with Submitter(server.endpoint(), LOGIN) as submitter:
            results = [
                submitter.submit(mail_from=LOGIN.user, rcpt_to=TO, raw=RAW, before_final_dot=nothing).outcome
                for _ in range(3)
            ]
        assert results == [SendOutcome.SUBMITTED] * 3
        assert server.accepted == 3
    assert script.received == [RAW] * 3


def test_connection_is_reused(test_ca: Authority) -> None:
    with broken_server(test_ca, {}) as (server, _), Submitter(server.endpoint(), LOGIN) as submitter:
        for _ in range(3):
            submitter.submit(mail_from=LOGIN.user, rcpt_to=TO, raw=RAW, before_final_dot=nothing)
        assert server.accepted == 1


def test_refused_login_is_tried_once_and_raised(test_ca: Authority) -> None:
    with broken_server(test_ca, {"AUTH": b"535 5.7.8 no"}) as (server, script):
        with Submitter(server.endpoint(), LOGIN) as submitter, pytest.raises(LoginRefusedError) as refused:
            submitter.submit(mail_from=LOGIN.user, rcpt_to=TO, raw=RAW, before_final_dot=nothing)
        assert script.heard.count("AUTH") == 1
    assert LOGIN.password not in str(refused.value)


def test_login_that_cannot_be_checked_now_is_not_a_refused_one(test_ca: Authority) -> None:
    with broken_server(test_ca, {"AUTH": b"454 4.7.0 later"}) as (server, _):
        result = submit_once(server)
    assert (result.outcome, result.stage) == (SendOutcome.DEFERRED, "login")


@pytest.mark.parametrize("ends", [timedelta(days=-1), timedelta(hours=-1)])
def test_expired_certificate_is_refused_and_named(test_ca: Authority, ends: timedelta) -> None:
    certificate = test_ca.issue(starts=timedelta(days=-5), ends=ends)
    with ScriptedServer(test_ca, SmtpScript(), certificate=certificate) as server:
        _expect_tls_error(server.endpoint(), "has expired")


def test_certificate_for_another_name_is_refused_and_named(test_ca: Authority) -> None:
    with ScriptedServer(test_ca, SmtpScript(), certificate=test_ca.issue(["altro.example"])) as server:
        _expect_tls_error(server.endpoint(), "another name")


def test_certificate_of_an_unknown_authority_is_refused_and_named(test_ca: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path)  # of the very same name
    with ScriptedServer(test_ca, SmtpScript(), certificate=stranger.issue()) as server:
        _expect_tls_error(server.endpoint(), "does not know")


def test_starttls_that_is_stripped_sends_no_password(test_ca: Authority) -> None:
    script = SmtpScript()
    with ScriptedServer(test_ca, script, security=Security.STARTTLS) as server:
        _expect_tls_error(server.endpoint(), "no encryption")
    assert "AUTH" not in script.heard


def test_starttls_injection_is_not_believed(test_ca: Authority) -> None:
    """What is sent in clear together with the OK to STARTTLS must not be read as said in the encrypted session."""

    async def inject(line: Line) -> None:
        await line.say(b"220 hi")
        await line.hear()
        await line.say(b"250-pec.example", b"250 STARTTLS")
        await line.hear()
        await line.say(b"220 go", b"250-evil", b"250 AUTH PLAIN")
        await line.silence()

    with (
        ScriptedServer(test_ca, inject, security=Security.STARTTLS) as server,
        Submitter(server.endpoint(timeout=0.5), LOGIN) as submitter,
        pytest.raises(ServerError),
    ):
        submitter.connect()


def _expect_tls_error(endpoint: Endpoint, words: str) -> None:
    with Submitter(endpoint, LOGIN) as submitter, pytest.raises(TlsError, match=re.escape(words)):
        submitter.connect()
    probe = probe_smtp(endpoint, LOGIN)
    assert (probe.stage, isinstance(probe.error, TlsError)) == ("tls", True)


def test_wrong_port_says_what_it_looks_like(test_ca: Authority) -> None:
    closed = Endpoint("localhost", free_port(), Security.TLS, test_ca.root, 1)
    with Submitter(closed, LOGIN) as submitter:
        with pytest.raises(ServerError, match="refused the connection"):
            submitter.connect()
        deferred = submitter.submit(mail_from=LOGIN.user, rcpt_to=TO, raw=RAW, before_final_dot=nothing)
    assert (deferred.outcome, deferred.stage) == (SendOutcome.DEFERRED, "connect")


def test_plain_port_with_tls_says_what_to_change(test_ca: Authority) -> None:
    with ScriptedServer(test_ca, SmtpScript(), plain=True) as server:
        probe = probe_smtp(server.endpoint(), LOGIN)
    assert isinstance(probe.error, TlsError)
    assert "starttls" in str(probe.error)


def test_tls_port_with_starttls_says_what_to_change(postfix: Postfix) -> None:
    wrong = postfix.endpoint(timeout=0.5)
    probe = probe_smtp(Endpoint(wrong.host, wrong.port, Security.STARTTLS, wrong.ca_file, 0.5), LOGIN)
    assert "security to tls" in str(probe.error)


@pytest.mark.parametrize("greeting", [b"554 go away", b"hello", Fault.SILENCE, Fault.CUT, b"220 " + b"x" * 100_000])
def test_bad_greeting_is_a_server_error_within_the_timeout(test_ca: Authority, greeting: Reply) -> None:
    with broken_server(test_ca, {"greeting": greeting}) as (server, _):
        began = time.monotonic()
        with Submitter(server.endpoint(timeout=0.5), LOGIN) as submitter, pytest.raises(ServerError) as error:
            submitter.connect()
        assert time.monotonic() - began < 5
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70 + ".example", ".", "127.0.0.1.5.6"])
def test_host_that_does_not_exist_is_a_server_error(host: str) -> None:
    with Submitter(Endpoint(host, 465, timeout=1), LOGIN) as submitter, pytest.raises(ServerError):
        submitter.connect()


# --- what must not go on the wire


@pytest.mark.parametrize(
    "raw", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n.\n.\r\n", b"no line end", b"", b"a\r\n\n", b"\r\r\n", b"a\r"]
)
def test_bare_line_ends_never_reach_the_server(test_ca: Authority, raw: bytes) -> None:
    with broken_server(test_ca, {}) as (server, script):
        assert submit_once(server, raw=raw).outcome is SendOutcome.REFUSED
        assert not script.heard


@pytest.mark.parametrize(
    "address", ["", "a@b>\r\nRCPT TO:<c@d", "è@pec.example", "a b@c", "a@b> SIZE=1", "a\0@b", "a@b\n"]
)
def test_address_that_would_be_another_command_never_reaches_the_server(test_ca: Authority, address: str) -> None:
    with broken_server(test_ca, {}) as (server, script), Submitter(server.endpoint(), LOGIN) as submitter:
        as_recipient = submitter.submit(
            mail_from=LOGIN.user, rcpt_to=["a@b", address], raw=RAW, before_final_dot=nothing
        )
        as_sender = submitter.submit(mail_from=address, rcpt_to=["a@b"], raw=RAW, before_final_dot=nothing)
        assert not script.heard
    assert (as_recipient.outcome, as_recipient.recipient) == (SendOutcome.REFUSED, address)
    assert as_sender.outcome is SendOutcome.REFUSED


def test_8_bit_mail_to_a_server_that_would_alter_it_is_refused(test_ca: Authority) -> None:
    ehlo = b"250-pec.example\r\n250 AUTH PLAIN"
    with broken_server(test_ca, {"EHLO": ehlo}) as (server, script):
        assert submit_once(server, raw="Subject: è\r\n\r\n".encode()).outcome is SendOutcome.REFUSED
        assert not script.received


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([b"\r\n", b".", b"..", b"a", b"x" * 40]), max_size=60))
def test_dot_stuffing_is_undone_exactly_whatever_the_cuts(pieces: list[bytes]) -> None:
    raw = b"".join(pieces) + b"\r\n"
    sent = b"".join(stuffed(raw))
    assert len(raw) < 8 or len(list(stuffed(raw))) >= 2  # there is a middle to crash in
    lines = sent.split(b"\r\n")[:-1]
    assert b"." not in lines  # no line of a single dot: the message would end there
    assert b"".join(line.removeprefix(b".") + b"\r\n" for line in lines) == raw


@pytest.mark.postfix
def test_large_message_arrives_whole(postfix: Postfix, dovecot: Dovecot) -> None:
    user = dovecot.add_user()
    raw = b"Subject: grande\r\n\r\n" + b"".join(b"." * (n % 3) + b"x" * (n % 77) + b"\r\n" for n in range(100_000))
    with Submitter(postfix.endpoint(), user) as submitter:
        result = submitter.submit(mail_from=user.user, rcpt_to=[user.user], raw=raw, before_final_dot=nothing)
    assert result.outcome is SendOutcome.SUBMITTED
    with dovecot.client(user) as inbox:
        inbox.select_folder("INBOX")
        wait_until(lambda: bool(_arrived(inbox)), seconds=20, what="the message arrives")
        (mail,) = inbox.fetch(_arrived(inbox), ["BODY.PEEK[]"]).values()
    assert mail[b"BODY[]"].endswith(raw)
