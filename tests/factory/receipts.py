"""What does a provider send back? Complete, really signed receipts and envelopes, for every room's tests.

    from tests.factory.receipts import original, receipt, trust

    sent = original(subject="Prova è", reference="pt.abc@pec.example")
    raw = receipt("accettazione", subject="Prova è", reference="pt.abc@pec.example")
    raw = receipt("avvenuta-consegna", recipient="anna@pec.example", original=sent)
    raw = receipt("errore-consegna", error="no-dest", error_detail="5.1.1 - Gestore di Prova - indirizzo non valido")
    raw = receipt("posta-certificata", original=sent)      # a transport envelope: X-Trasporto instead of X-Ricevuta
    raw = anomaly_envelope(original(sender="qualcuno@mail.example"))

`kind` is the `tipo` of the daticert. All bytes are CRLF, laid out as real mail is, signed by
`provider_identity()` under `pec_authority()` under `root_authority()`: `trust()` holds that root as the only anchor.
Anything can be bent for a forgery: `daticert=` (raw XML bytes, or None for none), `header_kind=`, `from_address=`,
`headers=` (added lines), `signers=()` for an unsigned multipart/mixed, `signature=` for ready-made CMS bytes.
Everything is deterministic but the keys and the signatures made with them.
"""

import quopri
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from xml.sax.saxutils import escape, quoteattr

from pec_tracker.pec.trust import Anchor, Trust
from tests.factory import ca, cms
from tests.factory.mime import b64, between, boundary_of, encoded, entity, joined, multipart

PROVIDER = "Gestore di Prova S.p.A."
SENDER = "mittente@pec.example"
RECIPIENT = "destinatario@pec.example"
REFERENCE = "pt.original@pec.example"
IDENTIFIER = "opec2110.20260302101530.00123.456.1.1@pec.example"
ISSUED_AT = datetime(2026, 3, 2, 10, 15, 30, tzinfo=timezone(timedelta(hours=1)))

_PREFIXES = {
    "accettazione": "ACCETTAZIONE: ",
    "non-accettazione": "AVVISO DI NON ACCETTAZIONE: ",
    "presa-in-carico": "PRESA IN CARICO: ",
    "avvenuta-consegna": "CONSEGNA: ",
    "posta-certificata": "POSTA CERTIFICATA: ",
    "errore-consegna": "AVVISO DI MANCATA CONSEGNA: ",
    "preavviso-errore-consegna": "AVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO: ",
    "rilevazione-virus": "PROBLEMA DI SICUREZZA: ",
}
_ABOUT_ONE_RECIPIENT = {"avvenuta-consegna", "errore-consegna", "preavviso-errore-consegna", "rilevazione-virus"}
_WITH_RECEIPT_FORM = {"avvenuta-consegna", "posta-certificata"}


def root_authority() -> ca.Identity:
    """The root that `trust()` trusts."""
    return ca.root()


def pec_authority() -> ca.Identity:
    """The authority that certifies the provider of the factory."""
    return ca.pec_ca(root_authority(), {"country": "IT", "organization": "Prova", "common_name": "PEC CA di prova"})


def provider_identity() -> ca.Identity:
    """Who signs unless a test says otherwise: `posta-certificata@pec.example`."""
    return ca.provider(pec_authority())


def trust() -> Trust:
    """The trust under which the factory's receipts are `trusted`."""
    anchor = Anchor(der=root_authority().der, source="tests", reason="test authority", since=None, pec_cas_only=False)
    return Trust(anchors=(anchor,))


def original(
    *,
    sender: str = SENDER,
    to: Sequence[str] = (RECIPIENT,),
    cc: Sequence[str] = (),
    subject: str = "Prova",
    reference: str | None = REFERENCE,
    text: str = "Buongiorno.",
    sent_at: datetime = ISSUED_AT,
    attachments: Sequence[tuple[str, bytes]] = (),
    headers: Sequence[str] = (),
) -> bytes:
    """A message as a user sends it, CRLF; `attachments` are (name, content) and make it a multipart/mixed."""
    lines = [
        f"From: {sender}",
        f"To: {', '.join(to)}",
        *([f"Cc: {', '.join(cc)}"] if cc else []),
        f"Subject: {encoded(subject)}",
        f"Date: {format_datetime(sent_at)}",
        *([f"Message-ID: <{reference}>"] if reference is not None else []),
        "MIME-Version: 1.0",
        *headers,
    ]
    body = entity(["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64"], b64(text.encode()))
    if not attachments:
        return joined(lines) + body
    files = [
        entity(
            [
                f'Content-Type: application/octet-stream; name="{name}"',
                "Content-Transfer-Encoding: base64",
                f'Content-Disposition: attachment; filename="{name}"',
            ],
            b64(content),
        )
        for name, content in attachments
    ]
    return joined(lines) + multipart("mixed", [body, *files], "=_original")


def daticert_xml(
    kind: str,
    *,
    error: str | None = "nessuno",
    error_detail: str | None = None,
    sender: str = SENDER,
    recipients: Sequence[str | tuple[str, str]] = (RECIPIENT,),
    replies: str | None = None,
    subject: str | None = "Prova",
    provider: str = PROVIDER,
    issued_at: datetime = ISSUED_AT,
    identifier: str | None = IDENTIFIER,
    reference: str | None = REFERENCE,
    receipt_form: str | None = None,
    recipient: str | None = None,
    taken_by: Sequence[str] = (),
) -> bytes:
    """daticert.xml (RFC 6109 4.4) as providers write it: UTF-8, no DOCTYPE, four-space indentation.

    `recipients` are addresses (`certificato`) or (address, type). `error=None` leaves the attribute out.
    """
    error_attribute = "" if error is None else f" errore={quoteattr(error)}"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<postacert tipo={quoteattr(kind)}{error_attribute}>",
        "    <intestazione>",
        f"        <mittente>{escape(sender)}</mittente>",
    ]
    for one in recipients:
        address, certified = (one, "certificato") if isinstance(one, str) else one
        lines.append(f"        <destinatari tipo={quoteattr(certified)}>{escape(address)}</destinatari>")
    lines.append(f"        <risposte>{escape(sender if replies is None else replies)}</risposte>")
    if subject is not None:
        lines.append(f"        <oggetto>{escape(subject)}</oggetto>")
    lines += [
        "    </intestazione>",
        "    <dati>",
        f"        <gestore-emittente>{escape(provider)}</gestore-emittente>",
        f'        <data zona="{issued_at:%z}">',
        f"            <giorno>{issued_at:%d/%m/%Y}</giorno>",
        f"            <ora>{issued_at:%H:%M:%S}</ora>",
        "        </data>",
    ]
    if identifier is not None:
        lines.append(f"        <identificativo>{escape(identifier)}</identificativo>")
    if reference is not None:
        lines.append(f"        <msgid>{escape(f'<{reference}>')}</msgid>")
    if receipt_form is not None:
        lines.append(f"        <ricevuta tipo={quoteattr(receipt_form)} />")
    if recipient is not None:
        lines.append(f"        <consegna>{escape(recipient)}</consegna>")
    lines += [f"        <ricezione>{escape(address)}</ricezione>" for address in taken_by]
    if error_detail is not None:
        lines.append(f"        <errore-esteso>{escape(error_detail)}</errore-esteso>")
    lines += ["    </dati>", "</postacert>", ""]
    return "\n".join(lines).encode()


_MADE = b"\x00 made from the fields"


def receipt(
    kind: str = "avvenuta-consegna",
    *,
    error: str | None = "nessuno",
    error_detail: str | None = None,
    sender: str = SENDER,
    recipients: Sequence[str | tuple[str, str]] = (RECIPIENT,),
    subject: str | None = "Prova",
    provider: str = PROVIDER,
    issued_at: datetime = ISSUED_AT,
    identifier: str | None = IDENTIFIER,
    reference: str | None = REFERENCE,
    receipt_form: str | None = None,
    recipient: str | None = None,
    taken_by: Sequence[str] = (),
    original: bytes | None = None,
    daticert: bytes | None = _MADE,
    header_kind: str | None = None,
    from_address: str | None = ca.ADDRESS,
    headers: Sequence[str] = (),
    signers: Sequence[cms.Signer] | None = None,
    signature: bytes | Callable[[bytes], bytes] | None = None,
    certificates: tuple[bytes, ...] | None = None,
    indefinite: bool = False,
) -> bytes:
    """One receipt, notice or transport envelope, whole, CRLF.

    Where the standard asks for them, the one `recipient` (default: the first of `recipients`) and the receipt form
    (default `completa` where there is an original to enclose, else `sintetica`) are filled in. `original` is enclosed
    as postacert.eml. `header_kind` lies in X-Ricevuta/X-Trasporto. `signature`: ready CMS bytes, or a function of the
    signed content that makes them.
    """
    first = recipients[0] if recipients else RECIPIENT
    if recipient is None and kind in _ABOUT_ONE_RECIPIENT:
        recipient = first if isinstance(first, str) else first[0]
    if receipt_form is None and kind in _WITH_RECEIPT_FORM:
        receipt_form = "completa" if original is not None or kind == "posta-certificata" else "sintetica"
    if daticert == _MADE:
        daticert = daticert_xml(
            kind,
            error=error,
            error_detail=error_detail,
            sender=sender,
            recipients=recipients,
            subject=subject,
            provider=provider,
            issued_at=issued_at,
            identifier=identifier,
            reference=reference,
            receipt_form=receipt_form,
            recipient=recipient,
            taken_by=taken_by,
        )
    outer = _outer_headers(kind, header_kind or kind, sender, recipients, subject, reference, issued_at, from_address)
    content = signed_content(_words(kind, subject, sender), daticert=daticert, original=original)
    return wrapped(
        [*outer, *headers],
        content,
        signers=default_signers(issued_at) if signers is None else signers,
        signature=signature,
        certificates=certificates,
        indefinite=indefinite,
    )


def anomaly_envelope(
    received: bytes,
    *,
    recipient: str = RECIPIENT,
    sender: str = "qualcuno@mail.example",
    subject: str = "Prova",
    issued_at: datetime = ISSUED_AT,
    signers: Sequence[cms.Signer] | None = None,
) -> bytes:
    """An anomaly envelope (RFC 6109 3.2.2): text and the whole received mail, no daticert, the original's id."""
    outer = [
        f'From: "Per conto di: {sender}" <{ca.ADDRESS}>',
        f"To: {recipient}",
        f"Subject: {encoded('ANOMALIA MESSAGGIO: ' + subject)}",
        f"Date: {format_datetime(issued_at)}",
        "Message-ID: <anomalia.1@mail.example>",
        f"Reply-To: {sender}",
        "X-Trasporto: errore",
    ]
    content = signed_content("Attenzione: si è verificata un'anomalia.", daticert=None, original=received)
    return wrapped(outer, content, signers=default_signers(issued_at) if signers is None else signers)


def signed_content(text: str, *, daticert: bytes | None, original: bytes | None) -> bytes:
    """The multipart/mixed entity that a provider signs: text in two forms, daticert.xml, postacert.eml."""
    plain = quopri.encodestring(text.encode("iso-8859-1")).replace(b"\n", b"\r\n")
    words = [
        entity(
            [
                f"Content-Type: text/{form}; charset=iso-8859-1",
                "Content-Transfer-Encoding: quoted-printable",
                "Content-Disposition: inline",
            ],
            plain,
        )
        for form in ("plain", "html")
    ]
    parts = [multipart("alternative", words, "=_words")]
    if daticert is not None:
        parts.append(
            entity(
                [
                    'Content-Type: application/xml; name="daticert.xml"',
                    "Content-Transfer-Encoding: base64",
                    'Content-Disposition: inline; filename="daticert.xml"',
                ],
                b64(daticert),
            )
        )
    if original is not None:
        parts.append(
            entity(
                [
                    'Content-Type: message/rfc822; name="postacert.eml"',
                    "Content-Transfer-Encoding: 7bit",
                    'Content-Disposition: inline; filename="postacert.eml"',
                ],
                original,
            )
        )
    return multipart("mixed", parts, "=_certified")


def wrapped(
    headers: Sequence[str],
    content: bytes,
    *,
    signers: Sequence[cms.Signer] = (),
    signature: bytes | Callable[[bytes], bytes] | None = None,
    certificates: tuple[bytes, ...] | None = None,
    indefinite: bool = False,
    micalg: str = "sha-256",
    protocol: str = "application/pkcs7-signature",
) -> bytes:
    """`content` under `headers`, in a multipart/signed; with neither signers nor a signature, unsigned as it is."""
    top = joined([*headers, "MIME-Version: 1.0"])
    if signature is None and not signers:
        return top + content
    if signature is None:
        carried = certificates
        if carried is None:
            carried = (*(signer.identity.der for signer in signers), pec_authority().der)
        signature = cms.sign(content, *signers, certificates=carried, indefinite=indefinite)
    elif callable(signature):
        signature = signature(content)
    part = entity(
        [
            f"Content-Type: {protocol}; name=smime.p7s",
            "Content-Transfer-Encoding: base64",
            "Content-Disposition: attachment; filename=smime.p7s",
        ],
        b64(signature),
    )
    boundary = boundary_of("----=_signed", [content, part])
    opening = [f'Content-Type: multipart/signed; protocol="{protocol}"; micalg={micalg};\r\n\tboundary="{boundary}"']
    return top + joined(opening) + b"\r\nThis is an S/MIME signed message\r\n" + between(boundary, [content, part])


def default_signers(issued_at: datetime) -> tuple[cms.Signer, ...]:
    return (cms.Signer(provider_identity(), signed_at=issued_at + timedelta(seconds=1)),)


def _outer_headers(
    kind: str,
    header_kind: str,
    sender: str,
    recipients: Sequence[str | tuple[str, str]],
    subject: str | None,
    reference: str | None,
    issued_at: datetime,
    from_address: str | None,
) -> list[str]:
    envelope = kind == "posta-certificata"
    addresses = [one if isinstance(one, str) else one[0] for one in recipients]
    lines = [
        *([] if from_address is None else [_from_line(envelope, sender, from_address)]),
        f"To: {', '.join(addresses) if envelope else sender}",
        f"Subject: {encoded(_PREFIXES.get(kind, '') + (subject or ''))}",
        f"Date: {format_datetime(issued_at)}",
        f"Message-ID: <{IDENTIFIER if envelope else kind + '.' + IDENTIFIER}>",
    ]
    if reference is not None:
        lines.append(f"X-Riferimento-Message-ID: <{reference}>")
    if envelope:
        lines += [f"X-Trasporto: {header_kind}", "X-TipoRicevuta: completa", f"Reply-To: {sender}"]
    else:
        lines.append(f"X-Ricevuta: {header_kind}")
    return lines


def _from_line(envelope: bool, sender: str, from_address: str) -> str:
    return f'From: "Per conto di: {sender}" <{from_address}>' if envelope else f"From: {from_address}"


def _words(kind: str, subject: str | None, sender: str) -> str:
    said = f'{kind}: il messaggio "{subject or ""}" proveniente da "{sender}"'
    return said.encode("iso-8859-1", "replace").decode("iso-8859-1")
