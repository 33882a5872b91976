"""How does a stranger verify a package? A README whose commands name this package's files and need no program of ours.

A command is a line that begins with four blanks, `$` and a blank; each ends with status 0 where what it checks holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pec_tracker.render.wording import plain, section, template

README_NAMES: Final = {"en": "README.txt", "it": "LEGGIMI.txt"}

_COMMAND: Final = "    $ "
_CHAIN: Final = (
    'previous=; for seal in ledger/*.seal; do if [ -n "$previous" ]; then '
    'grep -qx "# previous $previous" "$seal" || exit 1; echo "$seal: OK"; fi; '
    'previous=$(sha256sum "$seal" | cut -c1-64); done'
)
# OpenSSL refuses these at its usual level, and they are genuine at their time: PEC before about 2018.
_OLD: Final = ("sha1", "rsa-1024")


def readme(report: Mapping[str, Any], members: Sequence[str]) -> bytes:
    """The README of a package, from its report and its members' names; UTF-8, LF."""
    language = report["language"]
    text, words = section(language, "text"), section(language, "limits")
    message, as_of, ledger = report["message"], report["as_of"], report["ledger"]
    mails = [name for name in members if name.startswith(("message/", "receipts/", "not-proof/"))]
    public = any(anchor["public_root"] for anchor in report["anchors"])
    filled = template(f"README.{language}.txt").format(
        reference=plain(message["reference"]),
        subject=plain(message["subject"]),
        sender=plain(message["sender"]),
        seal=as_of["seal"],
        as_of=as_of["at"],
        tool=report["tool"]["name"],
        version=report["tool"]["version"],
        summary_line=text["summary_line" if report["pdf"] else "no_summary_line"],
        sums_commands=_commands(["sha256sum --check --quiet SHA256SUMS"], text),
        signature_commands=_commands(_signatures(report, text), text),
        anchor_commands=_commands(_anchors(members), text),
        anchor_notes=text["public_root"] if public else "",
        revocation_commands=_revocation(members, text),
        not_proof=_not_proof(report, text),
        ledger_commands=_commands([*_seals(ledger), *_naming(mails)], text),
        chain_command=_commands([f"sh -c '{_CHAIN}'"], text),
        seal_sha256=as_of["sha256"],
        stamp_text=_stamps(report, text),
        verifier_options="" if public or not report["anchors"] else _own_anchors(members),
        limits="\n".join(f"- {words[limit]}" for limit in (*report["limits"], "contents")),
    )
    return filled.encode("utf-8", "surrogateescape")


def verify_command(entry: Mapping[str, Any], chains: Mapping[tuple[str, ...], int]) -> str | None:
    """The `openssl` command for one evidence of the report; None where its line ends are not those signed."""
    done = entry["verification"]
    if done["form"] == "lf":
        return None
    number = chains[tuple(done["certificates"])]
    parts = [f"openssl cms -verify -in {entry['member']} -CAfile certificates/chain-{number}-anchor.pem"]
    if len(done["certificates"]) > 2:
        parts.append(f"-certfile certificates/chain-{number}-intermediates.pem")
    if any(weak.startswith(_OLD) for weak in done["weak"]):
        parts.append("-auth_level 0")
    at = int(datetime.fromisoformat(done["at"]).timestamp())
    return " ".join([*parts, f"-partial_chain -attime {at} -out /dev/null"])


def chain_numbers(report: Mapping[str, Any]) -> dict[tuple[str, ...], int]:
    """The chains that held, numbered from 1 in the order in which the evidence uses them."""
    entries = [*report["proof"], *report["not_proof"]]
    held = [tuple(entry["verification"]["certificates"]) for entry in entries if entry["verification"]["anchor"]]
    return {chain: number for number, chain in enumerate(dict.fromkeys(held), 1)}


def _commands(commands: Sequence[str], text: Mapping[str, str]) -> str:
    return (
        "\n".join(f"{_COMMAND}{one}" if not one.startswith("#") else f"    {one[1:]}" for one in commands)
        or (text["none"])
    )


def _signatures(report: Mapping[str, Any], text: Mapping[str, str]) -> list[str]:
    chains = chain_numbers(report)
    return [verify_command(entry, chains) or f"#{entry['member']} {text['partial']}" for entry in report["proof"]]


def _anchors(members: Sequence[str]) -> list[str]:
    return [
        f"openssl x509 -in {name} -noout -subject -dates -fingerprint -sha256"
        for name in members
        if name.endswith("-anchor.pem")
    ]


def _own_anchors(members: Sequence[str]) -> str:
    """The verifier takes no root from the package unless it is told to."""
    return "".join(f" --ca {name}" for name in members if name.endswith("-anchor.pem"))


def _revocation(members: Sequence[str], text: Mapping[str, str]) -> str:
    commands = [
        f"openssl crl -inform DER -in {name} -noout -issuer -lastupdate -nextupdate"
        if name.endswith(".crl")
        else f"openssl ocsp -respin {name} -noverify -text"
        for name in members
        if name.startswith("revocation/")
    ]
    return f"\n{text['revocation']}\n{_commands(commands, text)}" if commands else ""


def _not_proof(report: Mapping[str, Any], text: Mapping[str, str]) -> str:
    rows = [
        f"    {entry['member']}: {', '.join(reasons(entry)) or entry['kind']}" for entry in report["not_proof"]
    ]  # fmt: skip
    return "\n".join(rows) or text["none"]


def reasons(entry: Mapping[str, Any]) -> list[str]:
    """Why an evidence does not count, in tokens: its verdict, what the signature lacks, where it disagrees."""
    done = entry["verification"]
    verdict = [] if done["verdict"] == "trusted" else [done["verdict"], *done["reasons"]]
    return [*verdict, *(f"disagrees:{point}" for point in entry["disagrees"])]


def _seals(ledger: Mapping[str, Any]) -> Iterator[str]:
    for number in sorted({line["seal"] for line in ledger["lines"] if line["seal"] is not None}):
        yield f"sh -c 'cd ledger && sha256sum --check --ignore-missing {number:08}.seal'"


def _naming(mails: Sequence[str]) -> Iterator[str]:
    for name in mails:
        yield f'grep -l "$(sha256sum {name} | cut -c1-64)" ledger/*.json'


def _stamps(report: Mapping[str, Any], text: Mapping[str, str]) -> str:
    rows = []
    for stamp in report["stamps"]:
        if stamp["kind"] == "rfc3161":
            bare = " -token_in" if stamp["bare"] else ""
            seal = stamp["member"].replace(".tsr", ".seal")
            rows.append(f"    openssl ts -verify -data {seal} -in {stamp['member']}{bare} -CAfile ROOT.pem")
    told = text["stamp"] + "\n".join(rows) + "\n" if rows else ""
    notary = [f"    {stamp['member']}" for stamp in report["stamps"] if stamp["kind"] == "pec"]
    return told + (text["notary"] + "\n".join(notary) + "\n" if notary else "")
