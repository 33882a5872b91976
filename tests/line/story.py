"""Everything that can happen to a mailbox, once: the material on which a rebuilt or repeated database is compared."""

from dataclasses import replace
from pathlib import Path

from pec_tracker.askers import OPERATOR
from pec_tracker.sandbox.failures import Moment, Verb
from pec_tracker.sandbox.inject import Injection
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House
from pec_tracker.service.importing.import_ import bring_in
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.outbox import resend, settle
from pec_tracker.service.sending.sent_copy import copy_to_sent
from tests.factory import receipts as factory
from tests.line.houses import account_at, queued
from tests.sandbox.materials import SENDER, letter
from tests.sandbox.running import smtp

SECOND_MAILBOX = "segreteria@studio.sandbox.test"
FORGERIES = [kind for kind in Injection if kind.startswith("forged")]

# What the sandbox's addresses come to in the end.
BEHAVIOURS = {
    "consegnata@pec.test": "delivered",
    "tardiva@pec.test": "delivered",
    "piena@pec.test": "failed",
    "inesistente@pec.test": "failed",
    "inesistente-altro@pec.test": "failed",
    "no-dominio@pec.test": "failed",
    "virus@pec.test": "failed",
    "silenzio@pec.test": "failed",
    "esterno@pec.test": "external",
    "doppia@pec.test": "delivered",
    "accettazione-tardiva@pec.test": "delivered",
    "non-accettata@pec.test": "not_accepted",
}


def send_to_all(house: House, account: Account) -> None:
    """One message to each behaviour; all are submitted."""
    for address in BEHAVIOURS:
        queued(house, account, address, subject=f"Lettera per {address}")
    assert {sent.send_state for sent in dispatch(OPERATOR, house, account)} == {"submitted"}


def sent_elsewhere(sandbox: Sandbox, *, number: int = 1) -> bytes:
    """A message that another program sends, with its copy in the folder of sent mails."""
    raw = letter(to="consegnata@pec.test").replace(b"prova.1@", b"altrove.%d@" % number)
    with smtp(sandbox) as client:
        client.sendmail(SENDER, ["consegnata@pec.test"], raw)
    sandbox.deliver(SENDER, raw, folder="INBOX.Inviata")
    return raw


def tell(house: House, sandbox: Sandbox, folder: Path) -> list[Account]:
    """The whole story in two mailboxes and one import; returns the accounts. Everything is sealed at its end."""
    account = replace(account_at(house, sandbox), copy_to_sent=True)
    other = account_at(house, sandbox, SECOND_MAILBOX)
    send_to_all(house, account)
    _uncertain_refused_and_decided(house, account, sandbox)
    queued(house, other, SENDER, subject="Da un ufficio all'altro")
    dispatch(OPERATOR, house, other)
    sent_elsewhere(sandbox)
    for kind in Injection:
        sandbox.inject(kind, mailbox=SENDER)
    sandbox.deliver(SENDER, b"")
    sandbox.deliver(SENDER, b"\0\0 no mail at all")
    collect(OPERATOR, house, account)  # some receipts are there, some come later
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    collect(OPERATOR, house, other)
    _collect_with_a_mail_refused(house, account, sandbox)
    copy_to_sent(OPERATOR, house, account)
    collect(OPERATOR, house, account)
    _import(house, account, sandbox, folder)
    collect(OPERATOR, house, account)
    return [account, other]


def _uncertain_refused_and_decided(house: House, account: Account, sandbox: Sandbox) -> None:
    """One is uncertain and arrived; one is uncertain, lost and resent; one is refused and given up; one deferred."""
    for moment in (Moment.AFTER_DOT_KEPT, Moment.AFTER_DOT_LOST):
        sandbox.failures.drop(moment)
        one = queued(house, account, subject=f"Incerta {moment}")
        dispatch(OPERATOR, house, account)
        if moment is Moment.AFTER_DOT_LOST:
            resend(OPERATOR, house, one.key, reason="non è mai arrivata")
            dispatch(OPERATOR, house, account)
    sandbox.failures.reply(Verb.DOT, "554 5.7.1 no")
    refused = queued(house, account, subject="Respinta")
    dispatch(OPERATOR, house, account)
    settle(OPERATOR, house, refused.key, sent=False, reason="non serve più")
    sandbox.failures.reply(Verb.RCPT, "451 4.3.0 later")
    queued(house, account, subject="Rimandata")
    dispatch(OPERATOR, house, account)
    dispatch(OPERATOR, house, account)


def _collect_with_a_mail_refused(house: House, account: Account, sandbox: Sandbox) -> None:
    """The only new mail is listed by the server, which never gives it: into quarantine with it."""
    uid = sandbox.deliver(SENDER, letter(headers="X-N: in quarantena\r\n"), folder="INBOX.Inviata")
    sandbox.imap_faults.left_out = {uid: None}
    collect(OPERATOR, house, account)


def _import(house: House, account: Account, sandbox: Sandbox, folder: Path) -> None:
    """Old receipts of nobody's and of the account's, from files."""
    folder.mkdir(exist_ok=True)
    (folder / "vecchia.eml").write_bytes(factory.receipt("accettazione", subject="Anni fa"))
    (folder / "nota.eml").write_bytes(sandbox.mails(SENDER)[0])
    (folder / "nostra.eml").write_bytes(sandbox.mails(SENDER)[1] + b"\r\n")
    bring_in(OPERATOR, house, [folder], accounts=[account])
    bring_in(OPERATOR, house, [folder], account=account)
