"""Which ETSI evidence does a mail carry? EN 319 522-3 and TS 102 640-2, recognised and kept whole, not verified.

Elements are matched by local name: real evidence leaves some of them without their namespace (seen: e-Doreczenia).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from pec_tracker.pec.daticert import has_doctype, xml_root
from pec_tracker.pec.grammar import local_name

MAX_SIZE: Final = 2 * 1024 * 1024

_NAMESPACES: Final = {
    "http://uri.etsi.org/19522/v1#": "etsi-19522",
    "http://uri.etsi.org/02640/v2#": "etsi-02640",
    "http://uri.etsi.org/02640/v1#": "etsi-02640",
}
_MARKS: Final = (b"uri.etsi.org/19522", b"uri.etsi.org/02640")
_ROOT_19522: Final = "Evidence"

# TS 102 640-2: the root element is the event.
_ROOTS_02640: Final = frozenset(
    {
        "SubmissionAcceptanceRejection",
        "RelayREMMDAcceptanceRejection",
        "RelayREMMDFailure",
        "DeliveryNonDeliveryToRecipient",
        "DownloadNonDownloadByRecipient",
        "RetrievalNonRetrievalByRecipient",
        "AcceptanceRejectionByRecipient",
        "RelayToNonREMSystem",
        "ReceivedFromNonREMSystem",
    }
)


@dataclass(frozen=True, slots=True)
class RemEvidence:
    """One ETSI evidence: which format, which event, when, and its identifiers. Never proof here."""

    format: str  # "etsi-19522" or "etsi-02640"
    event: str | None
    issued_at: datetime | None
    identifier: str | None
    message_identifier: str | None
    content_xml: bytes


def parse(xml: bytes) -> RemEvidence | None:
    """The evidence in the bytes; None where they hold none. Never raises.

    `event` is the last step of ERDSEventId (`SubmissionAcceptance`), or the root's name with its EventCode.
    """
    if len(xml) > MAX_SIZE or not any(mark in xml for mark in _MARKS):
        return None
    root = xml_root(xml.strip(b" \t\r\n\x00"))
    if root is None or has_doctype(root):
        return None
    form = _NAMESPACES.get(etree.QName(root).namespace or "")
    name = local_name(root)
    if form == "etsi-19522" and name == _ROOT_19522:
        event = _last_step(_text(root, "ERDSEventId"))
    elif form == "etsi-02640" and name in _ROOTS_02640:
        code = _last_step(_text(root, "EventCode"))
        event = f"{name}/{code}" if code else name
    else:
        return None
    return RemEvidence(
        format=form,
        event=event,
        issued_at=_time(_text(root, "EventTime")),
        identifier=_text(root, "EvidenceIdentifier"),
        message_identifier=_message_identifier(root),
        content_xml=xml,
    )


def _find(under: "etree._Element", name: str) -> "etree._Element | None":
    return next((child for child in under if local_name(child) == name), None)


def _text(under: "etree._Element", name: str) -> str | None:
    found = _find(under, name)
    return None if found is None else ("".join(map(str, found.itertext())).strip() or None)


def _message_identifier(root: "etree._Element") -> str | None:
    """MessageIdentifier: at the root, in UserContentInfo, or (TS 102 640-2) in the details of the message."""
    direct = _text(root, "MessageIdentifier")
    if direct is not None:
        return direct
    for holder in ("UserContentInfo", "SenderMessageDetails", "NotificationMessageDetails"):
        under = _find(root, holder)
        found = None if under is None else _text(under, "MessageIdentifier") or _text(under, "MessageIdentifierByREMMD")
        if found is not None:
            return found
    return None


def _last_step(uri: str | None) -> str | None:
    """`SubmissionAcceptance` of `http://uri.etsi.org/19522/Event/SubmissionAcceptance`."""
    return None if uri is None else (uri.rstrip("/").rpartition("/")[2].rpartition("#")[2] or None)


def _time(text: str | None) -> datetime | None:
    """xsd:dateTime with a zone; without one it is no instant."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo is not None else None
