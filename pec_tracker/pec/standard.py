"""The words of the standard: tokens, header names, prefixes, failure codes, each with its source.

Constants only. Sources: RFC 6109 (a transposition of the annex to DM 2 Nov 2005), mails as they are on the wire
where they differ from it ("seen"), AgID's integrative notes.
"""

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a mail is, in our words (style: the glossary)."""

    ACCEPTANCE = "acceptance"
    NON_ACCEPTANCE = "non-acceptance"
    TAKEN_IN_CHARGE = "taken-in-charge"
    DELIVERY = "delivery"
    NON_DELIVERY = "non-delivery"
    DELAY_NOTICE = "delay-notice"
    VIRUS_NOTICE = "virus-notice"
    TRANSPORT_ENVELOPE = "transport-envelope"
    ANOMALY_ENVELOPE = "anomaly-envelope"
    REM_EVIDENCE = "rem-evidence"
    ORDINARY = "ordinary"
    UNREADABLE = "unreadable"


def rank(kind: str) -> int:
    """The place of *kind* in `Kind`: an acceptance stands before the delivery of its second, unknown ones last."""
    order = [one.value for one in Kind]
    return order.index(kind) if kind in order else len(order)


class Tipo(StrEnum):
    """`postacert/@tipo` (RFC 6109 4.4); the same token as the header X-Ricevuta, where there is one."""

    ACCETTAZIONE = "accettazione"
    NON_ACCETTAZIONE = "non-accettazione"
    PRESA_IN_CARICO = "presa-in-carico"
    AVVENUTA_CONSEGNA = "avvenuta-consegna"
    POSTA_CERTIFICATA = "posta-certificata"
    ERRORE_CONSEGNA = "errore-consegna"
    PREAVVISO_ERRORE_CONSEGNA = "preavviso-errore-consegna"
    RILEVAZIONE_VIRUS = "rilevazione-virus"


class Errore(StrEnum):
    """`postacert/@errore` (RFC 6109 4.4); absent means `nessuno` (DTD default)."""

    NESSUNO = "nessuno"
    NO_DEST = "no-dest"
    NO_DOMINIO = "no-dominio"
    VIRUS = "virus"
    ALTRO = "altro"


class RecipientType(StrEnum):
    """`destinatari/@tipo` (RFC 6109 4.4); absent means `certificato` (DTD default)."""

    CERTIFIED = "certificato"
    EXTERNAL = "esterno"


class ReceiptForm(StrEnum):
    """`ricevuta/@tipo` and the header X-TipoRicevuta (RFC 6109 3.3.2)."""

    COMPLETE = "completa"
    BRIEF = "breve"
    SYNTHETIC = "sintetica"


KIND_OF_TIPO: Final[dict[str, Kind]] = {
    Tipo.ACCETTAZIONE: Kind.ACCEPTANCE,
    Tipo.NON_ACCETTAZIONE: Kind.NON_ACCEPTANCE,
    Tipo.PRESA_IN_CARICO: Kind.TAKEN_IN_CHARGE,
    Tipo.AVVENUTA_CONSEGNA: Kind.DELIVERY,
    Tipo.POSTA_CERTIFICATA: Kind.TRANSPORT_ENVELOPE,
    Tipo.ERRORE_CONSEGNA: Kind.NON_DELIVERY,
    Tipo.PREAVVISO_ERRORE_CONSEGNA: Kind.DELAY_NOTICE,
    Tipo.RILEVAZIONE_VIRUS: Kind.VIRUS_NOTICE,
}

# Not in the DTD, yet mapped by other software: read as a non-delivery, never written.
TIPO_ALIASES: Final[dict[str, Tipo]] = {"mancata-consegna": Tipo.ERRORE_CONSEGNA}

# Headers (RFC 6109 8.1; case varies on the wire: compare without it).
X_RICEVUTA: Final = "X-Ricevuta"
X_TRASPORTO: Final = "X-Trasporto"
X_TIPO_RICEVUTA: Final = "X-TipoRicevuta"
X_VERIFICA_SICUREZZA: Final = "X-VerificaSicurezza"
X_MITTENTE: Final = "X-Mittente"
X_RIFERIMENTO: Final = "X-Riferimento-Message-ID"
X_REM_SUBJECT: Final = "X-REM-Subject"  # seen: Aruba 2026, on acceptances

TRASPORTO_CERTIFICATA: Final = "posta-certificata"
TRASPORTO_ERRORE: Final = "errore"  # RFC 6109 8.1.4 (3.2.2 misspells the header)
SICUREZZA_ERRORE: Final = "errore"

# Subject prefixes (RFC 6109 3.1 to 3.3). Never used to decide a kind.
SUBJECT_ACCEPTANCE: Final = "ACCETTAZIONE: "
SUBJECT_NON_ACCEPTANCE: Final = "AVVISO DI NON ACCETTAZIONE: "
SUBJECT_NON_ACCEPTANCE_VIRUS: Final = "AVVISO DI NON ACCETTAZIONE PER VIRUS: "
SUBJECT_TAKEN_IN_CHARGE: Final = "PRESA IN CARICO: "
SUBJECT_DELIVERY: Final = "CONSEGNA: "
SUBJECT_NON_DELIVERY: Final = "AVVISO DI MANCATA CONSEGNA: "
SUBJECT_NON_DELIVERY_VIRUS: Final = "AVVISO DI MANCATA CONSEGNA PER VIRUS: "
SUBJECT_DELAY: Final = "AVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO: "
SUBJECT_VIRUS: Final = "PROBLEMA DI SICUREZZA: "
SUBJECT_TRANSPORT: Final = "POSTA CERTIFICATA: "
SUBJECT_ANOMALY: Final = "ANOMALIA MESSAGGIO: "

DATICERT_NAME: Final = "daticert.xml"  # RFC 6109 4.3.3 says certdata.xml; never seen
POSTACERT_NAME: Final = "postacert.eml"
SYSTEM_LOCAL_PART: Final = "posta-certificata"  # seen: every provider; RFC 6109 says certified-mail

PKCS7_PROTOCOLS: Final = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})

# The code that opens errore-esteso (AgID integrative note 12, 2015).
UNKNOWN_MAILBOX: Final = "5.1.1"
DISABLED_MAILBOX: Final = "5.2.1"
FULL_MAILBOX: Final = "5.2.2"
DELAY_24_HOURS: Final = "5.4.1"
VIRUS_FOUND: Final = "5.5.1"

# RFC 6109 3.1.6: hours after the acceptance.
FIRST_NOTICE_HOURS: Final = 12
SECOND_NOTICE_HOURS: Final = 24
SECOND_NOTICE_EARLIEST_HOURS: Final = 22

# The organisation in the names of the sandbox's own authorities: no provider has it.
SANDBOX_ORGANIZATION: Final = "Sandbox: non valida fuori dalle prove"
