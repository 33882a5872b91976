"""What must a person be told? Sentences for alerts, and words for what could not be collected or imported.

Tokens: `service` (alerts, import, space), `wire.imap` and `service.collecting` (quarantine).
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from pec_tracker.texts import findings, words
from pec_tracker.texts.language import N_, _, facts_text

# `{names}` are the alert's facts, their tokens in words.
ALERTS: Final[Mapping[str, str]] = {
    "send-refused": N_("refused by the server (code {code}); correct it and send again, or give it up"),
    "send-uncertain": N_("it is uncertain whether it left; a receipt will tell, or decide with `outbox settle`"),
    "send-waiting": N_("it could not leave and waits: {reason}"),
    "uncertain-unresolved": N_(
        "still no receipt tells whether it left: decide with `outbox resend` or `outbox settle`"
    ),
    "evidence-not-proof": N_("no proof: {kind}, {verdict}{disagrees}"),
    "unreadable": N_("a mail that cannot be read; it is kept, see `quarantine list`"),
    "not-delivered": N_("{state}{meaning}; {next}"),
    "unusual-provider": N_(
        "{kind} issued by another provider than usual: {provider}; did the mailbox change provider?"
    ),
    "clock-doubtful": N_(
        "the certified time and this computer's clock are days apart, and the server's arrival agrees with the former: "
        "set the clock right"
    ),
    "contradiction": N_("receipts contradict each other: {contradictions}"),
    "quota-warning": N_("{percent} % of the space is used; clean up soon: a full mailbox receives nothing"),
    "quota-alarm": N_("{percent} % of the space is used; clean up now: a full mailbox receives nothing"),
    "login-refused": N_("the login was refused and the mailbox is suspended; correct the password: mailbox edit"),
    "mails-refused": N_("{count} mails lie on the server, which does not give them: see `quarantine list`"),
    "folder-restored": N_(
        "the server has numbered the mails of the folder {folder} anew: the provider restored a backup, it seems. "
        "Mails may be gone there; what was archived stays, and new mails are collected"
    ),
    "round-hanging": N_("its work gives no sign of life since {minutes} minutes: its server hangs, or the disk"),
    "gateway-refused": N_('the message "{subject}" of {login} was refused and did not leave: {reply}'),
    "agreement-missing": N_(
        "its provider allows automatic programs only by agreement: what programs queued waits until somebody says "
        "which, with: pec-tracker mailbox acknowledge {name}"
    ),
    "copy-failed": N_("no copy could be put into the folder of sent mails: {reason}"),
    "collect-failed": N_("collecting failed: {reason}"),
    "dispatch-failed": N_("sending failed: {reason}"),
    "quota-failed": N_("the space could not be asked: {reason}"),
    "refresh-failed": N_("what is overdue could not be looked at: {reason}"),
    "seal-failed": N_("the ledger could not be sealed: {reason}"),
    "notary-failed": N_("the PEC that dates the ledger could not be queued: {reason}"),
    "dating-failed": N_("the newest seal could not be time-stamped: {reason}"),
    "revocation-failed": N_("the lists of revoked certificates could not be kept: {reason}"),
    "configuration-failed": N_("the configuration was changed and cannot be used; the one before stays: {reason}"),
    "stamp-failed": N_("no authority gave a time-stamp for seal {seal}; it is tried again: {reason}"),
}

SEVERITIES: Final[Mapping[str, str]] = {
    "alarm": N_("alarm"),
    "warning": N_("warning"),
}

JOBS: Final[Mapping[str, str]] = {
    "collect": N_("collect"),
    "dispatch": N_("send"),
    "copy": N_("copies into Sent"),
    "quota": N_("space"),
    "notary": N_("PEC that dates"),
    "refresh": N_("deadlines"),
    "seal": N_("seal"),
    "dating": N_("time-stamp"),
    "revocation": N_("revocation lists"),
}

OUTCOMES: Final[Mapping[str, str]] = {
    "done": N_("done"),
    "failed": N_("failed"),
}

LEVELS: Final[Mapping[str, str]] = {
    "fine": N_("fine"),
    "warning": N_("warning"),
    "alarm": N_("alarm"),
    "unknown": N_("limit not known"),
}

# Why a UID gave no mail, beside the server's own words and the reader's warnings (findings.WARNINGS).
QUARANTINE: Final[Mapping[str, str]] = {
    **findings.WARNINGS,
    "refused": N_("the server refuses to give it; it is asked for again by each collect"),
    "left-out": N_("the server names it and gives nothing; it is asked for again by each collect"),
    "gone": N_("it was on the server and is there no longer: deleted before it could be collected"),
}

UNREAD: Final[Mapping[str, str]] = {
    "not-there": N_("there is no such file"),
    "too-large": N_("too large for a mail"),
    "encrypted": N_("protected by a password"),
    "BadZipFile": N_("the zip file is damaged"),
    "outlook-damaged": N_("the Outlook file is damaged"),
    "outlook-not-a-mail": N_("an Outlook file, but not of a mail"),
    "PermissionError": N_("not permitted to read it"),
    "OSError": N_("the system could not read it"),
    "NotImplementedError": N_("packed in a way that cannot be read; pack it anew as an ordinary zip file"),
    # what the zip, deflate and LZMA readers raise where the bytes are not as they should be
    "ValueError": N_("the zip file is damaged"),
    "EOFError": N_("the zip file is damaged"),
    "error": N_("the zip file is damaged"),
    "LZMAError": N_("the zip file is damaged"),
    "zip-bomb": N_(
        "it unpacks to far more than mails do, so it was left out; if it is genuine, unpack it and import the folder"
    ),
    "zip-in-zip": N_("a zip file inside a zip file; unpack it and import what is in it"),
    "no-mail-in-it": N_("no mail is in it"),
    "unfolds-too-far": N_("so many mails within mails that they take far more room than the file"),
    "not-a-file": N_("neither a file nor a folder"),
    "link": N_("a link that leads elsewhere; import what it leads to by its own name"),
    "not-a-mail": N_("it does not begin as a mail does; if it is one, call it .eml"),
    "unnamed-mail": N_("it begins as a mail does, but is not called one; call it .eml, or import it by its own name"),
    "unnamed-zip": N_("a zip file that is not called .zip; import it by its own name"),
    # other programs' files (service.importing.foreign_files)
    "outlook-store": N_(
        "a whole mailbox of Outlook, PST or OST, which is not read: in Outlook open it (File > Open & Export > Open "
        "Outlook Data File) and drag its mails into a folder, or convert it with readpst -e; then import that folder"
    ),
    "outlook-express": N_("a folder of Outlook Express; save its mails as .eml and import these"),
    "outlook-attachment": N_("an attachment in Outlook's own form (winmail.dat), not a mail"),
    "thunderbird-index": N_(
        "Thunderbird's index, which holds no mails; import the file of the same name without .msf, or have Thunderbird "
        "keep the folder on this computer first"
    ),
    "apple-mail": N_("a mail of Apple Mail; in Mail choose Mailbox > Export Mailbox and import the mbox"),
    "database": N_("a database, perhaps of a mail program; save its mails as .eml or mbox and import these"),
    "pdf": N_("a PDF, not a mail: a printed receipt proves nothing; save the mail itself as .eml and import that"),
    "document": N_("a document, not a mail; save the mail itself as .eml and import that"),
    "picture": N_("a picture, not a mail"),
    "signed-file": N_("a signed file (.p7m), not a mail"),
    "packed": N_("packed in a form that is not read; unpack it and import what is in it"),
    "program": N_("a program, not a mail"),
}


def alert_text(kind: str, facts: Mapping[str, Any]) -> str:
    """What an alert says, in the language spoken now; its `kind` where it has no text yet."""
    if kind not in ALERTS:
        return kind
    return _(ALERTS[kind]).format_map(defaultdict(lambda: "-", _in_words(facts)))


def reasons(table: Mapping[str, str], joined: str) -> str:
    """Several tokens as the database keeps them, joined by `, `, in words; a text that is no token stays."""
    return words.words(table, joined.split(", "))


def _in_words(facts: Mapping[str, Any]) -> dict[str, str]:
    tables = {"kind": words.KINDS, "verdict": words.VERDICTS, "state": words.STATES, "next": words.NEXT_STEPS}
    said = {name: str(value) for name, value in facts.items() if value is not None}
    said |= {name: words.word(table, facts[name]) for name, table in tables.items() if name in facts}
    if isinstance(facts.get("error"), Mapping):  # in no language yet, see texts.error_facts
        said["reason"] = facts_text(facts["error"])
    said["meaning"] = f" ({words.word(words.FAILURE_CODES, facts['code'])})" if facts.get("code") else ""
    points = words.words(words.POINTS, facts.get("disagrees") or [])
    said["disagrees"] = _("; disagrees on: {points}").format(points=points) if facts.get("disagrees") else ""
    said["contradictions"] = words.words(findings.CONTRADICTIONS, facts.get("contradictions") or [])
    return said
