"""ETSI evidence is recognised and kept whole, so that nobody loses it before it can be verified."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.pec import rem

ERDS = b"""<?xml version="1.0" encoding="UTF-8"?>
<n:Evidence xmlns:n="http://uri.etsi.org/19522/v1#" version="EN319522v1.1.1">
  <n:EvidenceIdentifier>ev-1</n:EvidenceIdentifier>
  <n:ERDSEventId>http://uri.etsi.org/19522/Event/SubmissionAcceptance</n:ERDSEventId>
  <EventTime>2026-09-19T13:41:19.5Z</EventTime>
  <n:UserContentInfo><n:MessageIdentifier>msg-1@rem.example</n:MessageIdentifier></n:UserContentInfo>
</n:Evidence>"""

REM = b"""<SubmissionAcceptanceRejection xmlns="http://uri.etsi.org/02640/v2#" version="2.1.1">
  <EventCode>http://uri.etsi.org/02640/Event#Acceptance</EventCode>
  <EvidenceIdentifier>ev-2</EvidenceIdentifier>
  <EventTime>2014-03-02T10:15:30+01:00</EventTime>
  <SenderMessageDetails><MessageIdentifierByREMMD>msg-2@rem.example</MessageIdentifierByREMMD></SenderMessageDetails>
</SubmissionAcceptanceRejection>"""


def test_erds_evidence_is_read() -> None:
    found = rem.parse(ERDS)

    assert found is not None
    assert (found.format, found.event, found.identifier) == ("etsi-19522", "SubmissionAcceptance", "ev-1")
    assert found.message_identifier == "msg-1@rem.example"
    assert found.issued_at == datetime(2026, 9, 19, 13, 41, 19, 500_000, tzinfo=UTC)
    assert found.content_xml == ERDS


def test_rem_evidence_of_the_older_standard_is_read() -> None:
    found = rem.parse(REM)

    assert found is not None
    assert (found.format, found.event) == ("etsi-02640", "SubmissionAcceptanceRejection/Acceptance")
    assert found.message_identifier == "msg-2@rem.example"
    assert found.issued_at == datetime(2014, 3, 2, 9, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("removed", "event"),
    [(b"http://uri.etsi.org/19522/Event/SubmissionAcceptance", None), (b"nothing", "SubmissionAcceptance")],
)
def test_an_evidence_without_its_event_is_still_kept(removed: bytes, event: str | None) -> None:
    found = rem.parse(ERDS.replace(removed, b""))

    assert found is not None
    assert found.event == event


@pytest.mark.parametrize("time", [b"yesterday", b"2026-09-19T13:41:19", b""])
def test_a_time_without_a_zone_is_no_instant(time: bytes) -> None:
    found = rem.parse(ERDS.replace(b"2026-09-19T13:41:19.5Z", time))

    assert found is not None
    assert found.issued_at is None


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"<postacert/>",
        ERDS[:-5],
        ERDS.replace(b"n:Evidence ", b"n:Other ").replace(b"/n:Evidence>", b"/n:Other>"),
        REM.replace(b"SubmissionAcceptanceRejection", b"Invented"),
        ERDS.replace(b"?>", b'?><!DOCTYPE x [<!ENTITY a "b">]>'),
        b'<Evidence note="http://uri.etsi.org/19522/v1#"/>',
        ERDS + b" " * rem.MAX_SIZE,
    ],
)
def test_other_xml_is_no_evidence(xml: bytes) -> None:
    assert rem.parse(xml) is None


@given(st.integers(0, len(ERDS) - 1), st.binary(max_size=6), st.integers(0, 12))
@settings(max_examples=200, deadline=None)
def test_no_damage_makes_it_raise(at: int, put: bytes, removed: int) -> None:
    rem.parse(ERDS[:at] + put + ERDS[at + removed :])
