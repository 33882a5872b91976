"""What does a conservator need to take a package over? An index of its files as UNI 11386:2020 (SInCRO) lays it out.

Only prepared here: the index becomes one when the conservator signs and time-stamps it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pec_tracker.render.members import Members
from pec_tracker.render.xml import Element, document

NAMESPACE: Final = "http://www.uni.com/U3011/sincro-v2/"

# Of our own, not the machine's table of types: that would differ from machine to machine.
_TYPES: Final = {
    ".eml": "message/rfc822",
    ".json": "application/json",
    ".xml": "application/xml",
    ".pdf": "application/pdf",
    ".pem": "application/pem-certificate-chain",
    ".der": "application/pkix-cert",
    ".crl": "application/pkix-crl",
    ".ocsp": "application/ocsp-response",
    ".tsr": "application/timestamp-reply",
    ".seal": "text/plain",
    ".head": "text/plain",
    ".txt": "text/plain",
    ".py": "text/x-python",
}


def index(report: Mapping[str, Any], members: Mapping[str, bytes]) -> bytes:
    """The PIndex of *members*, grouped by their folders."""
    message, tool, listed = report["message"], report["tool"], Members().joined(members)
    identifier = f"{tool['name']}:{message['key']}:{report['as_of']['seal']}"
    folders = sorted({name.rpartition("/")[0] for name in members})
    groups = [
        Element(
            "FileGroup",
            [
                Element("ID", folder or "package"),
                *(_file(name, listed.weight(name).sha256) for name in _names_in(folder, members)),
            ],
        )
        for folder in folders
    ]
    creator = [Element("Name", tool["name"]), Element("Version", tool["version"]), Element("Producer", tool["name"])]
    sender = [Element("AgentID", message["sender"] or "-"), Element("AgentName", message["sender"] or "-")]
    process = [
        Element("Submitter", sender, {"agentType": "legal person"}),
        Element("Holder", sender, {"agentType": "legal person", "holderRole": "titolare"}),
        Element("TimeReference", [Element("TimeInfo", report["as_of"]["at"], {"attachedTimeStamp": "false"})]),
        Element("LawsAndRegulations", "UNI 11386:2020"),
    ]
    root = Element(
        "PIndex",
        [
            Element(
                "SelfDescription",
                [Element("ID", f"{identifier}:index", {"scheme": "local"}), Element("CreatingApplication", creator)],
            ),
            Element("PVolume", [Element("ID", identifier), Element("Label", message["subject"] or message["key"])]),
            *groups,
            Element("Process", process),
        ],
        {"xmlns": NAMESPACE, "language": "it", "sincroVersion": "2.0", "uri": f"{NAMESPACE}PIndex.xsd"},
    )
    return document(root)


def _names_in(folder: str, members: Mapping[str, bytes]) -> Sequence[str]:
    return [name for name in sorted(members) if name.rpartition("/")[0] == folder]


def _file(name: str, digest: str) -> Element:
    extension = "." + name.rpartition(".")[2]
    known = _TYPES.get(extension, "application/octet-stream")
    return Element(
        "File",
        [
            Element("ID", name),
            Element("Path", name),
            Element("Hash", digest, {"hashFunction": "SHA-256"}),
        ],
        {"format": known, "encoding": "binary", "extension": extension},
    )
