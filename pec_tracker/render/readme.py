"""How does a stranger verify a package? A README whose commands name this package's files and need no program of ours.

A command is a line that begins with four blanks, `$` and a blank; each ends with status 0 where what it checks holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pec_tracker.render.wording import plain, section, template

README_NAMES: Final = {"en": "README.txt", "it": "LEGGIMI.txt"}

# The roots of Italian PEC by the SHA-256 of their public keys, as they stand in `verify_package.PEC_ROOTS`.
ROOT_NAMES: Final = {
    "25d4913cf587097414d29d26f6c1b1942cd6d64eaf45d0fcf81526adba96d324": "Actalis Authentication Root CA",
    "63d9af9b47b1064d49a10e7b7fd566dbc8caa399459bfc2829c571ad8c6ef34a": "Baltimore CyberTrust Root",
}

_COMMAND: Final = "    $ "
_CHAIN: Final = (
    'previous=; for seal in ledger/*.seal; do if [ -n "$previous" ]; then '
    'grep -qx "# previous $previous" "$seal" || exit 1; echo "$seal: OK"; fi; '
    'previous=$(sha256sum "$seal" | cut -c1-64); done'
)
_HEADS: Final = 'cd ledger && for head in *.head; do sha256sum --check --ignore-missing "$head" || exit 1; done'
# OpenSSL refuses these at its usual level, and they are genuine at their time: PEC before about 2018.
_OLD: Final = ("sha1", "rsa-1024")


def readme(report: Mapping[str, Any], members: Sequence[str]) -> bytes:
    """The README of a package, from its report and its members' names; UTF-8, LF."""
    language = report["language"]
    text, words = section(language, "text"), section(language, "limits")
    message, as_of, ledger = report["message"], report["as_of"], report["ledger"]
    mails = [name for name in members if name.startswith(("message/", "receipts/", "not-proof/"))]
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
        held_to=text[f"held_to_{message['held_to'] or 'nothing'}"],
        signers=_signers(report, text),
        anchor_commands=_anchors(report, text),
        revocation_commands=_revocation(members, text),
        not_proof=_not_proof(report, text),
        ledger_commands=_commands([*_seals(ledger), *_naming(mails)], text),
        seals_here=text["seals_by_heads" if _heads(members) else "seals_in_a_row"].format(seal=as_of["seal"]),
        chain_text=text["chain_by_heads" if _heads(members) else "chain_in_a_row"],
        chain_command=_commands(_chain(members, as_of["seal"]), text),
        seal_sha256=as_of["sha256"],
        stamp_text=_stamps(report, text),
        limits="\n".join(f"- {words[limit]}" for limit in (*report["limits"], "contents")),
    )
    return filled.encode("utf-8", "surrogateescape")


def verify_command(entry: Mapping[str, Any], chains: Mapping[tuple[str, ...], int]) -> str | None:
    """The `openssl` command for one evidence of the report; None where its line ends are not those signed.

    Its root is the package's own, and no other of the machine: who runs it adds from where the root is.
    """
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
    return " ".join([*parts, f"-no-CApath -partial_chain -attime {at} -out /dev/null"])


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
    """Each says in its own result that it took the root from the package: nobody reads only the last line then."""
    chains = chain_numbers(report)
    commands = ((entry["member"], verify_command(entry, chains)) for entry in report["proof"])
    return [
        f'{command} && echo "{member}: {text["own_root"]}"' if command else f"#{member} {text['partial']}"
        for member, command in commands
    ]


def _signers(report: Mapping[str, Any], text: Mapping[str, str]) -> str:
    """Who signed each evidence that counts, and which provider it names."""
    rows = []
    for entry in report["proof"]:
        done = entry["verification"]
        said = text["signed_by"].format(
            signer=plain(done["signer"]),
            address=plain(done["signer_address"]),
            organization=plain(done["organization"]),
            issuer=plain(done["issuer"]),
            provider=plain(entry["provider"]),
        )
        rows += [f"    {entry['member']}", f"        {said}"]
        rows += [f"        {text['otherwise']}"] if "provider-differs" in entry["limits"] else []
    return "\n".join(rows) or text["none"]


def _anchors(report: Mapping[str, Any], text: Mapping[str, str]) -> str:
    """For each root: whose it is, its fingerprint, and of a root of Italian PEC the pinned hash of its public key."""
    by_sha256 = {anchor["sha256"]: anchor for anchor in report["anchors"]}
    blocks = []
    for chain, number in chain_numbers(report).items():
        name, anchor = f"certificates/chain-{number}-anchor.pem", by_sha256.get(chain[-1], {})
        commands = [f"openssl x509 -in {name} -noout -subject -dates -fingerprint -sha256"]
        if not anchor.get("public_root"):
            blocks.append(f"{_commands(commands, text)}\n{text['own_authority']}")
            continue
        key = "openssl pkey -pubin -outform DER | openssl dgst -sha256"
        commands.append(f"openssl x509 -in {name} -noout -pubkey | {key}")
        pins = "\n".join(f"    {pin}  {root}" for pin, root in ROOT_NAMES.items())
        blocks.append(f"{_commands(commands, text)}\n{text['public_root']}\n{pins}\n{text['machine_root']}")
    return "\n\n".join(blocks) or text["none"]


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


def _heads(members: Sequence[str]) -> list[str]:
    return sorted(name for name in members if name.endswith(".head"))


def _chain(members: Sequence[str], newest: int) -> list[str]:
    """That the newest seal says the newest head, and each head what it names; by old releases, each seal the last."""
    heads = _heads(members)
    if not heads:
        return [f"sh -c '{_CHAIN}'"]
    seal = f"ledger/{newest:08}.seal"
    said = f'grep -qx "# head $(sha256sum {heads[-1]} | cut -c1-64)" {seal} && echo "{seal}: OK"'
    return [said, f"sh -c '{_HEADS}'"]


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
