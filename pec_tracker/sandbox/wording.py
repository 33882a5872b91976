"""What do the receipts say to a person? Their texts, Italian then English, as RFC 6109 and real providers have them.

Only the daticert counts for software; these are for the eyes (RFC 6109 3.1.2). ISO-8859-1, as on the wire.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from pec_tracker.clock import ROME
from pec_tracker.pec.standard import ReceiptForm, RecipientType
from pec_tracker.sandbox.certification import Certification, Recipient

_RULE = "-" * 78
_CERTIFIED = {RecipientType.CERTIFIED: "posta certificata", RecipientType.EXTERNAL: "posta ordinaria"}
_CERTIFIED_ENGLISH = {RecipientType.CERTIFIED: "certified mail", RecipientType.EXTERNAL: "ordinary mail"}
_DELIVERY_TITLES = {
    ReceiptForm.COMPLETE: ("Ricevuta di avvenuta consegna", "Delivery receipt"),
    ReceiptForm.BRIEF: ("Ricevuta breve di avvenuta consegna", "Brief delivery receipt"),
    ReceiptForm.SYNTHETIC: ("Ricevuta sintetica di avvenuta consegna", "Synthetic delivery receipt"),
}


@dataclass(frozen=True, slots=True)
class Section:
    """The text in one language: a title, and lines (a line that begins with "- " is an item of a list)."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """The text of one receipt in both languages."""

    italian: Section
    english: Section

    def plain(self) -> str:
        """As text/plain, lines ended by LF."""
        return f"{_plain(self.italian)}\n{_RULE}\n\n{_plain(self.english)}"

    def html(self) -> str:
        """As text/html, lines ended by LF."""
        title = escape(self.italian.title)
        return (
            f"<html>\n<head><title>{title}</title></head>\n<body>\n"
            f"{_html(self.italian)}<hr>\n{_html(self.english)}</body>\n</html>\n"
        )


def acceptance(facts: Certification) -> Wording:
    """RFC 6109 3.1.4."""
    return _about_all(
        facts,
        titles=("Ricevuta di accettazione", "Acceptance receipt"),
        italian="è stato accettato dal sistema ed inoltrato.",
        english="has been accepted by the system and forwarded.",
    )


def non_acceptance(facts: Certification, *, because_it: str, because_en: str) -> Wording:
    """RFC 6109 3.1.2 and 3.1.3."""
    return _problem_to_all(
        facts,
        titles=("Avviso di non accettazione", "Non-acceptance notice"),
        italian=f"che ne impedisce l'accettazione a causa di: {because_it}.\nIl messaggio non è stato accettato.",
        english=f"that prevents its acceptance: {because_en}.\nThe message was not accepted.",
    )


def taken_in_charge(facts: Certification) -> Wording:
    """RFC 6109 3.2.1."""
    return _about_all(
        facts,
        titles=("Ricevuta di presa in carico", "Taken-in-charge receipt"),
        italian="è stato accettato dal sistema.",
        english="has been accepted by the system.",
    )


def virus_notice(facts: Certification) -> Wording:
    """RFC 6109 3.2.3."""
    return _problem_to_all(
        facts,
        titles=("Avviso di rilevazione virus", "Virus notice"),
        italian="di sicurezza: presenza di un virus nel messaggio.",
        english="of security: a virus in the message.",
    )


def delivery(facts: Certification) -> Wording:
    """RFC 6109 3.3.2.1 to 3.3.2.3."""
    titles = _DELIVERY_TITLES[facts.form or ReceiptForm.COMPLETE]
    return _about_one(
        facts,
        titles=titles,
        italian="è stato consegnato nella casella di destinazione.",
        english="was placed in the destination mailbox.",
    )


def non_delivery(facts: Certification) -> Wording:
    """RFC 6109 3.3.3 and 3.2.4, as seen at Aruba."""
    return _about_one(
        facts,
        titles=("Avviso di mancata consegna", "Non-delivery notice"),
        italian=f"ha incontrato il seguente errore: {facts.detail}.\nIl messaggio è stato rifiutato dal sistema.",
        english=f"met the following error: {facts.detail}.\nThe message was refused by the system.",
    )


def first_delay_notice(facts: Certification) -> Wording:
    """RFC 6109 3.1.6, after 12 hours."""
    return _about_one(
        facts,
        titles=_DELAY_TITLES,
        italian=(
            "non è stato consegnato nelle prime dodici ore dal suo invio. Non escludendo\n"
            "che questo possa avvenire in seguito, si ritiene utile considerare che l'invio\n"
            "potrebbe non andare a buon fine. Il sistema invierà un ulteriore avviso se nelle\n"
            "prossime dodici ore non vi sarà la conferma della ricezione."
        ),
        english=(
            "has not been delivered within the first twelve hours. It may still be, or it may\n"
            "fail. A further notice follows if no confirmation comes in the next twelve hours."
        ),
    )


def second_delay_notice(facts: Certification) -> Wording:
    """RFC 6109 3.1.6, after 24 hours: the end."""
    return _about_one(
        facts,
        titles=_DELAY_TITLES,
        italian=(
            "non è stato consegnato nelle prime ventiquattro ore dal suo invio.\n"
            "La transazione deve considerarsi chiusa con esito negativo."
        ),
        english="has not been delivered within twenty-four hours.\nThe transaction is closed: it has failed.",
    )


def transport_envelope(facts: Certification) -> Wording:
    """RFC 6109 3.1.5."""
    return _about_all(
        facts,
        titles=("Messaggio di posta certificata", "Certified mail message"),
        italian="è stato inviato. Il messaggio originale è incluso in allegato.",
        english="was sent. The original message is attached.",
    )


def anomaly_envelope(facts: Certification) -> Wording:
    """RFC 6109 3.2.2; `facts` certify nothing here, they are what the received mail says of itself."""
    return _problem_to_all(
        facts,
        titles=("Anomalia nel messaggio", "Message anomaly"),
        italian=f"e non è stato certificato: {facts.detail}.\nIl messaggio originale è incluso in allegato.",
        english=f"and was not certified: {facts.detail}.\nThe original message is attached.",
    )


_DELAY_TITLES = (
    "Avviso di mancata consegna per superamento dei tempi massimi previsti",
    "Notice of non-delivery within the maximum time",
)


def _about_all(facts: Certification, *, titles: tuple[str, str], italian: str, english: str) -> Wording:
    """A text that lists every recipient."""
    return _sections(
        facts,
        titles=titles,
        italian=("ed indirizzato a:", *_listed(facts.recipients), *italian.split("\n")),
        english=("and addressed to:", *_listed_english(facts.recipients), *english.split("\n")),
    )


def _problem_to_all(facts: Certification, *, titles: tuple[str, str], italian: str, english: str) -> Wording:
    return _about_all(facts, titles=titles, italian=f"ha un problema {italian}", english=f"has a problem {english}")


def _about_one(facts: Certification, *, titles: tuple[str, str], italian: str, english: str) -> Wording:
    """A text about `facts.recipient` alone."""
    return _sections(
        facts,
        titles=titles,
        italian=(f'ed indirizzato a "{facts.recipient}"', *italian.split("\n")),
        english=(f'and addressed to "{facts.recipient}"', *english.split("\n")),
    )


def _sections(
    facts: Certification, *, titles: tuple[str, str], italian: tuple[str, ...], english: tuple[str, ...]
) -> Wording:
    return Wording(
        Section(titles[0], (*_opening(facts), *italian, f"Identificativo messaggio: {facts.identifier}")),
        Section(titles[1], (*_opening_english(facts), *english, f"Message identifier: {facts.identifier}")),
    )


def _opening(facts: Certification) -> tuple[str, str]:
    local = facts.issued_at.astimezone(ROME)
    return (
        f"Il giorno {local:%d/%m/%Y} alle ore {local:%H:%M:%S} ({local:%z}) il messaggio",
        f'"{_one_line(facts.subject)}" proveniente da "{facts.sender}"',
    )


def _opening_english(facts: Certification) -> tuple[str, str]:
    local = facts.issued_at.astimezone(ROME)
    return (
        f"On {local:%d/%m/%Y} at {local:%H:%M:%S} ({local:%z}) the message",
        f'"{_one_line(facts.subject)}" from "{facts.sender}"',
    )


def _listed(recipients: Sequence[Recipient]) -> list[str]:
    return [f'- {one.address} ("{_CERTIFIED[one.type]}")' for one in recipients]


def _listed_english(recipients: Sequence[Recipient]) -> list[str]:
    return [f'- {one.address} ("{_CERTIFIED_ENGLISH[one.type]}")' for one in recipients]


def _one_line(text: str | None) -> str:
    """Without line breaks and control characters: they would break the layout."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text or "")


def _plain(section: Section) -> str:
    return f"-- {section.title} --\n\n" + "\n".join(section.lines) + "\n"


def _html(section: Section) -> str:
    return f"<h3>{escape(section.title)}</h3>\n" + "".join(f"{escape(line)}<br>\n" for line in section.lines)
