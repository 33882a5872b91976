"""Answers need no house: facts made by hand, told in both languages."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pec_tracker import texts
from pec_tracker.service.queries.find import FoundMessage, RecipientState
from pec_tracker.service.queries.show import Dossier, EvidenceShown

SECOND = datetime(2026, 3, 2, 10, 15, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _english_afterwards() -> Iterator[None]:
    texts.activate("en")
    yield
    texts.activate("en")


def recipient(**changed: Any) -> RecipientState:
    one = RecipientState(
        address="piena@azienda.test",
        role="to",
        type="certificato",
        state="failed",
        state_at=SECOND,
        error_code="5.2.2",
        error_detail="5.2.2 - Gestore - casella piena",
        due_at=None,
        overdue=False,
        next_step="resend-later",
        contradictions=(),
    )
    return replace(one, **changed)


def message(**changed: Any) -> FoundMessage:
    one = FoundMessage(
        key="k7f3qv2mx5a1",
        mailbox="studio",
        origin="composed",
        reference="pt.k7f3qv2mx5a1@pec.test",
        identifier=None,
        subject="Diffida",
        sender=None,
        case=None,
        send_state="submitted",
        state="failed",
        created_at=SECOND,
        recipients=(recipient(),),
    )
    return replace(one, **changed)


def evidence(**changed: Any) -> EvidenceShown:
    one = EvidenceShown(
        at=SECOND,
        kind="delivery",
        tipo="avvenuta-consegna",
        sha256="ab" * 32,
        recipient="piena@azienda.test",
        verdict="trusted",
        counts=True,
        disagrees=(),
        agreement={"sender": True},
        provider="Gestore S.p.A.",
        identifier="opec1@gestore.test",
        error_code=None,
        error_detail=None,
        receipt_form=None,
        encloses_message=None,
        verification={},
        warnings=(),
    )
    return replace(one, **changed)


def dossier(**changed: Any) -> Dossier:
    one = Dossier(
        message=message(),
        raw="cd" * 32,
        submitted_at=SECOND,
        reply=None,
        problem=None,
        evidence=(),
        attempts=(),
        mails=(),
        contents=None,
    )
    return replace(one, **changed)
