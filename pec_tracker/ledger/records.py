"""What do ledger lines leave unsaid? Records: small JSON objects in the archive that may name people.

A ledger line names its record by hash; purge can delete the record and leave the line.
"""

import json
from collections.abc import Mapping
from typing import Any

from pec_tracker.archive.objects import Object, Suffix


def record(kind: str, **facts: Any) -> Object:
    """A record of *kind* as an object: canonical JSON, so that the same facts are the same object."""
    text = json.dumps({"record": kind, **facts}, sort_keys=True, ensure_ascii=False, indent=1) + "\n"
    return Object(text.encode(), Suffix.RECORD)


def read_record(content: bytes) -> Mapping[str, Any]:
    """The facts of a record, `record` being its kind."""
    facts: dict[str, Any] = json.loads(content)
    return facts


def mailbox(key: str, name: str, address: str | None) -> Object:
    """The record of a mailbox: the name and address behind its key."""
    return record("mailbox", key=key, name=name, address=address)


def folder(mailbox_key: str, name: str, uidvalidity: int) -> Object:
    """The record of a folder under one UIDVALIDITY."""
    return record("folder", mailbox=mailbox_key, name=name, uidvalidity=uidvalidity)


def message(
    key: str,
    *,
    reference: str,
    case: str | None,
    receipt_form: str,
    mail_from: str,
    rcpt_to: tuple[str, ...],
    priority: str | None = None,
    profile: Mapping[str, Any] | None = None,
) -> Object:
    """The record of a composed message: what its bytes do not say. *priority*: None for the normal one; *profile*: what
    it is to be beyond a letter."""
    beyond = {} if profile is None else {"profile": profile}
    return record(
        "message",
        key=key,
        reference=reference,
        case=case,
        receipt_form=receipt_form,
        mail_from=mail_from,
        rcpt_to=list(rcpt_to),
        **({} if priority is None else {"priority": priority}),
        **beyond,
    )


def reply(key: str, *, number: int, code: int | None, text: str, problem: Mapping[str, Any] | None) -> Object:
    """The record of what an attempt came to: the server's words, or ours where it said nothing (`problem`)."""
    ours = {} if problem is None else {"problem": problem}
    return record("reply", message=key, number=number, code=code, text=text, **ours)


def agreement(mailbox_key: str, *, provider: str, note: str, by: str) -> Object:
    """The record of a person's word that a mailbox's provider agreed to automatic programs: by what, who says so."""
    return record("agreement", mailbox=mailbox_key, provider=provider, note=note, by=by)


def decision(key: str, *, what: str, reason: str, by: str) -> Object:
    """The record of a person's decision about a message: what, why, who."""
    return record("decision", message=key, what=what, reason=reason, by=by)


def campaign(key: str, name: str, *, check: str, letters: Mapping[str, Any], by: str) -> Object:
    """The record of a campaign that was started: its whole list as it was checked, and who started it."""
    return record("campaign", campaign=key, name=name, check=check, letters=letters, by=by)


def campaign_outcome(key: str, row: str, *, outcome: Mapping[str, Any], by: str) -> Object:
    """The record of what came of a row's letter on paper, or handed over."""
    return record("campaign-outcome", campaign=key, row=row, outcome=outcome, by=by)
