"""What metadata does AgID ask of a document? One XML for each mail of a package, in the terms of annex 5.

Annex 5 to the guidelines on electronic documents (determination 407/2020, amended by 371/2021): element names of the
schema "DocumentoInformatico". What only the owner of an archive can know (classification, retention) is left to them.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pec_tracker.render.xml import Element, document

_KINDS: Final = {
    "acceptance": "Ricevuta di accettazione PEC",
    "non-acceptance": "Avviso di non accettazione PEC",
    "taken-in-charge": "Ricevuta di presa in carico PEC",
    "delivery": "Ricevuta di avvenuta consegna PEC",
    "non-delivery": "Avviso di mancata consegna PEC",
    "delay-notice": "Avviso di mancata consegna PEC per superamento dei tempi",
    "virus-notice": "Avviso di rilevazione virus PEC",
    "transport-envelope": "Busta di trasporto PEC",
    "anomaly-envelope": "Busta di anomalia PEC",
}


def of_message(message: Mapping[str, Any], attachments: Sequence[str], tool: Mapping[str, str]) -> bytes:
    """The metadata of the message as sent; *attachments* are the names of the files attached to it."""
    parties = [_party("Mittente", message["sender"])]
    parties += [_party("Destinatario", address) for address in message["recipients"]]
    at = message["submitted_at"] or message["queued_at"]
    return _metadata(
        sha256=message["sha256"],
        identifier=message["reference"] or message["key"],
        kind="Messaggio di posta elettronica certificata",
        flow="U",
        at=at,
        parties=parties,
        subject=message["subject"],
        attachments=attachments,
        signed=False,
        name="original.eml",
        tool=tool,
    )


def of_evidence(entry: Mapping[str, Any], message: Mapping[str, Any], tool: Mapping[str, str]) -> bytes:
    """The metadata of one receipt, notice or envelope, which belongs to the message."""
    parties = [_party("Mittente", entry["verification"]["signer_address"] or entry["provider"])]
    parties.append(_party("Destinatario", entry["sender"]))
    return _metadata(
        sha256=entry["sha256"],
        identifier=entry["sha256"],
        kind=_KINDS.get(entry["kind"], "Messaggio di posta elettronica"),
        flow="E",
        at=entry["issued_at"],
        parties=parties,
        subject=entry["subject"],
        attachments=(),
        signed=entry["verification"]["verdict"] in ("trusted", "intact"),
        name=entry["member"].rpartition("/")[2],
        tool=tool,
        primary=message["reference"] or message["key"],
    )


def _metadata(
    *,
    sha256: str,
    identifier: str,
    kind: str,
    flow: str,
    at: str | None,
    parties: Sequence[Element],
    subject: str | None,
    attachments: Sequence[str],
    signed: bool,
    name: str,
    tool: Mapping[str, str],
    primary: str | None = None,
) -> bytes:
    imprint = Element(
        "ImprontaCrittograficaDelDocumento",
        [Element("Impronta", base64.b64encode(bytes.fromhex(sha256)).decode()), Element("Algoritmo", "SHA-256")],
    )
    registered = [Element("TipologiaDiFlusso", flow), Element("TipoRegistro", [Element("Nessuno", "Nessuno")])]
    if at is not None:
        registered.append(Element("DataRegistrazioneDocumento", at[:10]))
        registered.append(Element("OraRegistrazioneDocumento", at[11:19]))
    files = [Element("IndiceAllegati", [Element("Descrizione", attached)]) for attached in attachments]
    product = Element(
        "ProdottoSoftware",
        [Element("NomeProdotto", tool["name"]), Element("VersioneProdotto", tool["version"])],
    )
    children = [
        Element("IdDoc", [imprint, Element("Identificativo", identifier)]),
        Element("ModalitaDiFormazione", "acquisizione di un documento informatico per via telematica (lettera b)"),
        Element("TipologiaDocumentale", kind),
        Element("DatiDiRegistrazione", registered),
        Element("Soggetti", parties),
        Element("ChiaveDescrittiva", [Element("Oggetto", subject or "(senza oggetto)")]),
        Element("Allegati", [Element("NumeroAllegati", str(len(attachments))), *files]),
        Element("Riservato", "false"),
        Element("IdentificativoDelFormato", [Element("Formato", "message/rfc822"), product]),
        _checked(signed=signed),
    ]
    if primary is not None:
        children.append(Element("IdIdentificativoDocumentoPrimario", [Element("Identificativo", primary)]))
    children += [Element("NomeDelDocumento", name), Element("VersioneDelDocumento", "1")]
    return document(Element("DocumentoInformatico", children))


def _checked(*, signed: bool) -> Element:
    return Element(
        "Verifica",
        [
            Element("FirmatoDigitalmente", "false"),
            Element("SigillatoElettronicamente", "true" if signed else "false"),
            Element("MarcaturaTemporale", "false"),
            Element("ConformitaCopieImmagineSuSupportoInformatico", "false"),
        ],
    )


def _party(role: str, address: str | None) -> Element:
    person = Element("PG", [Element("IndirizziDigitaliDiRiferimento", address or "-")])
    return Element("Ruolo", [Element(role, [person])])
