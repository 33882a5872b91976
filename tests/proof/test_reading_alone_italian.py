"""The verifier that stands alone in Italian: no text is left in English, none changes a value, none of it is unsafe."""

import ast
import gettext
import io
import locale
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pec_tracker.render import canonical_zip
from pec_tracker.render import verify_package as alone
from pec_tracker.service.proof.make import Package
from pec_tracker.texts import findings, language, words
from tests import growth
from tests.proof.forging import members_of
from tests.proof.house import ANNA, BRUNO, SENDER
from tests.proof.test_reading_alone_ledger import SHA1, SIGNER, result

PROGRAM = Path(alone.__file__)
VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")

# Strings with a blank in them that no person reads: names in certificates, formats, what only a raised class says.
UNSEEN = {
    *("AgID CA1", "Agenzia per l'Italia Digitale", "DigitPA CA1", "no DER", "From ", ">From ", "not to the letter"),
    *("nobody signed", "%b %d %H:%M:%S %Y", "[ \\t]+"),
}
# What a template with a value stands for.
OF_A_TEMPLATE = {"postacert in another place", "original's body", "original's parts"}
PATTERNS = re.compile(r"\(\[0-9a-f\]\{64\}|\\w\{3\}|certificate verify error")


def strings(node: ast.AST) -> Iterator[str]:
    """Every string in the code but docstrings and the tables of words; `{}` for each value in it."""
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("ITALIAN", "WORDS", "NOT_COMPARED"):
        return
    inside = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
        inside = [one for one in inside if isinstance(one, ast.FormattedValue)]
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
        inside.remove(node.body[0])
    for one in inside:
        yield from strings(one)


def test_no_text_is_without_italian() -> None:
    told = {one for one in strings(ast.parse(PROGRAM.read_text("utf-8"))) if " " in one and re.search("[A-Za-z]", one)}
    assert {one for one in told - alone.ITALIAN.keys() - UNSEEN - OF_A_TEMPLATE if not PATTERNS.search(one)} == set()
    assert told >= UNSEEN | OF_A_TEMPLATE
    assert all(alone.in_italian(one) != one for one in OF_A_TEMPLATE)


def test_no_italian_is_without_its_text() -> None:
    """What the program says no more needs no Italian; argparse's own texts are another's."""
    said = set(strings(ast.parse(PROGRAM.read_text("utf-8")))) | alone.NOT_COMPARED.keys()
    others = {one for one in alone.ITALIAN.keys() - said if "%" not in one and not one.startswith("[Errno ")}
    assert others == {
        *("usage: ", "options", "optional arguments", "positional arguments", "expected one argument"),
        "show this help message and exit",
    }


def test_italian_has_the_values_of_the_english() -> None:
    for english, italian in alone.ITALIAN.items():
        assert english.count("{}") == len(re.findall(r"\{[wt]?\}", italian)), english
        assert re.findall(r"%(?:\(\w+\))?[sr]", english) == re.findall(r"%(?:\(\w+\))?[sr]", italian)
        assert "{}{}" not in english
        assert (english[:1] == " ", english[-1:] == " ") == (italian[:1] == " ", italian[-1:] == " ")


@pytest.mark.parametrize("english", [one for one in alone.ITALIAN if "{}" in one])
def test_text_with_values_is_told_by_its_own_italian(english: str) -> None:
    values = [f"<{number}>" for number in range(english.count("{}"))]
    italian = re.sub(r"\{[wt]?\}", "{}", alone.ITALIAN[english]).format(*values)
    assert alone.in_italian(english.format(*values)) == italian


def test_words_are_those_of_the_rest_of_the_program() -> None:
    catalogue = gettext.translation(language.DOMAIN, language.LOCALE_DIR, languages=["it"])
    for table in (words.KINDS, words.STATES, words.POINTS, findings.CONTRADICTIONS):
        for token, word in table.items():
            if token in alone.WORDS:
                assert alone.WORDS[token] == f"{catalogue.gettext(word)} ({token})"
    known = {*alone.KINDS.values(), *words.STATES, *findings.CONTRADICTIONS, *words.POINTS} - {"original"}
    assert known <= alone.WORDS.keys()


@pytest.mark.parametrize(
    ("english", "italian"),
    [
        ("is not what only its sender could say", "non corrisponde a what only its sender could say"),
        ("certifies another subject than report.json says: is missing",
         "non concorda con report.json quanto a oggetto (subject); certifica: is missing"),
        ("It is about a was NOT verified here: is missing. only.",
         "Riguarda soltanto a was NOT verified here: is missing.."),
        ("It is about {} only.", "Riguarda soltanto {}."),
        ("says state delivered of a@x; it follows: None",
         "indica state: consegnato (delivered), per a@x; risulta invece: assente (None)"),
        ("does not count as proof, and report.json counts it: no sender; mittente more than once; disagrees in: the "
         "clocks; disagrees in: original's subject; it is a taken-in-charge",
         "non è prova, ma report.json lo conta come tale: manca il mittente; mittente più di una volta; discorda "
         "in: orologi; discorda in: originale: oggetto (subject); è di tipo: ricevuta di presa in carico "
         "(taken-in-charge)"),
        ("notary/1.eml was NOT verified here: its signature does not hold under an authority of this machine or of "
         "--ca.", "notary/1.eml qui NON è stato verificato: la firma non è valida sotto alcuna autorità di questo "
         "computer o di --ca."),
        ("", ""), ("what nobody here says", "what nobody here says"),
    ],
)  # fmt: skip
def test_what_a_sender_wrote_is_no_text_of_ours(english: str, italian: str) -> None:
    assert alone.in_italian(english) == italian


def test_texts_that_a_sender_wrote_into_each_other_are_told_at_once() -> None:
    counted, rest = "does not count as proof, and report.json counts it: ", "says state of of of; it follows: "
    growth.within(5, lambda: alone.in_italian(counted * 20_000))
    growth.within(5, lambda: alone.in_italian(counted + "; ".join(["{} more than once"] * 20_000)))
    growth.within(5, lambda: alone.in_italian(rest * 20_000))
    assert alone.in_italian(counted * 20_000).endswith(counted * 19_997)


def test_every_line_of_what_holds_is_italian() -> None:
    odd = {**result().journeys[0], "contradictions": ["two-deliveries", "two-issuers"], "state_at": "2026"}
    one = replace(result().proof[0], named=True, signer=replace(SIGNER, bits=1024, algorithm=SHA1), original=None)
    said = list(alone.told(result(journeys=[odd], proof=[replace(one, provider="Gestore")]), "it"))
    assert said[:5] == [
        "Regge, per quanto esamina questo programma; firme verificate di ciò che vale come prova: 1.",
        "Messaggio r di s: t",
        "  a@x: consegnato (delivered) 2026 (contraddizioni: due consegne in tempi diversi (two-deliveries), due "
        "firmatari (two-issuers))",
        "  receipts/001-delivery.eml: ricevuta di avvenuta consegna (delivery), ora certificata "
        "2026-03-02T09:15:00+00:00, firma di Prova (A), certificato da Prova; gestore indicato: Gestore; OBSOLETO: "
        "chiave di 1024 bit, SHA-1",
        "Regge sotto un'autorità indicata da CHI VERIFICA (--ca), non sotto una radice della PEC italiana: Prova.",
    ]
    assert said[5:7] == [
        "Qui nessuna ricevuta di avvenuta consegna contiene il messaggio: nulla certifica che cosa dicesse.", "Remark."
    ]  # fmt: skip
    assert said[-5:] == ["Qui NON è stato confrontato:", *(f"  - {one}" for one in alone.NOT_COMPARED.values())]
    copied = alone.Message(held_to="copy", original=b"x")
    told = list(alone.told(result(message=copied, remarks=["It is about a@x only."]), "it"))
    assert told[1] == "Messaggio - di -: -"
    assert "Riguarda soltanto a@x." in told
    assert any("confrontate con una copia conservata dal mittente (copy)." in one for one in told)
    assert any("non ne è noto nulla" in one for one in alone.told(result(message=alone.Message()), "it"))


def test_file_that_is_none_is_named_in_italian() -> None:
    found = [("a" + alone.NO_FILE, "is not in SHA256SUMS")]
    assert list(alone.told(result(findings=found), "it")) == [
        "a (non è un file ordinario): non è elencato in SHA256SUMS", "Rilievi: 1. NON regge."
    ]  # fmt: skip
    assert next(iter(alone.told(result(findings=found)))) == "a (no plain file): is not in SHA256SUMS"


def test_english_is_what_it_was() -> None:
    odd = {**result().journeys[0], "contradictions": ["two-deliveries", "x"]}
    one = replace(result().proof[0], named=True, signer=replace(SIGNER, bits=1024, algorithm=SHA1), original=None)
    assert list(alone.told(result(journeys=[odd], proof=[one], message=alone.Message(held_to="copy")))) == [
        "It holds as far as this program looks: 1 signature(s) of what counts as proof verified.",
        "Message None of None: None",
        "  a@x: delivered  (contradictions: two-deliveries, x)",
        "  receipts/001-delivery.eml: delivery, certified 2026-03-02T09:15:00+00:00, signed by Prova (A), certified by "
        "Prova; provider named: None; OLD: 1024-bit key, SHA-1",
        "It holds under an authority that YOU named (--ca), and no root of Italian PEC: Prova.",
        "The message was not composed by pec-tracker: receipts were held against the copy.",
        "No delivery receipt here encloses the message: nothing certifies what it said.",
        "Remark.",
        "Roots of Italian PEC, by the SHA-256 of their public keys:",
        "  25d4913cf587097414d29d26f6c1b1942cd6d64eaf45d0fcf81526adba96d324 (above AgID CA1)",
        "  63d9af9b47b1064d49a10e7b7fd566dbc8caa399459bfc2829c571ad8c6ef34a (above DigitPA CA1)",
        "NOT compared here:",
        "  - the words of README/LEGGIMI, of the summary (PDF) and of metadata/, and the copy of this program in the "
        "package",
        "  - in report.json: the limits, the warnings, the single checks and points of agreement, the server's replies",
        "  - revocation: whether a certificate was revoked at its time",
        "  - whether the sender left mails out, or chose an old seal: no package can show that",
    ]


# --- the command ---


@pytest.mark.parametrize(
    ("environment", "system", "spoken"),
    [
        ({"LC_ALL": "it_IT.UTF-8", "LANG": "en_US.UTF-8"}, None, "it"),
        ({"LC_ALL": "C", "LC_MESSAGES": "it_IT", "LANG": "it_IT.UTF-8"}, "it_IT", "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "it_CH", "LANG": "en_US"}, None, "it"),
        ({"LANG": "it"}, None, "it"),
        ({"LANG": "de_DE.UTF-8"}, "Italian_Italy", "en"),
        ({"LANGUAGE": "it"}, None, "en"),
        ({}, "Italian_Italy", "it"),
        ({}, "it_IT", "it"),
        ({}, "English_United States", "en"),
        ({}, None, "en"),
        ({}, ValueError("unknown locale: UTF-8"), "en"),
    ],
)
def test_language_is_that_of_the_environment_or_the_system(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], system: str | Exception | None, spoken: str
) -> None:
    def of_the_system() -> tuple[str | None, str | None]:
        if isinstance(system, Exception):
            raise system
        return system, None

    monkeypatch.setattr(locale, "getlocale", of_the_system)
    assert alone.system_language(environment) == spoken


def ran(*arguments: str | Path, **environment: str) -> tuple[int, str, str]:
    """The status of the program as a command, and what it says."""
    others = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    command = [sys.executable, "-I", "-X", "utf8", PROGRAM, *arguments]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", check=False, env={**others, "LANG": "C", **environment}
    )
    return done.returncode, done.stdout, done.stderr


def test_whole_package_is_told_in_italian(package: Package, root_pem: Path, tmp_path: Path) -> None:
    file = tmp_path / "fascicolo.zip"
    file.write_bytes(package.content)
    status, said, wrong = ran("--lang", "it", "--ca", root_pem, file)
    assert (status, wrong) == (0, "")
    assert said.startswith("Regge, per quanto esamina questo programma; firme verificate di ciò che vale come prova: 3")
    assert f"di {SENDER}: Diffida ad adempiere: perché no? \\U0001f600 #let" in said
    assert f"  {ANNA}: consegnato (delivered) 2026-03-02T" in said
    assert f"  {BRUNO}: non consegnato (failed) 2026-03-02T" in said
    assert "001-acceptance.eml: ricevuta di accettazione (acceptance), ora certificata 2026-03-02T" in said
    assert "Nulla di esterno attesta la data del registro del mittente" in said
    assert ran("--ca", root_pem, file, LC_ALL="it_IT.UTF-8") == (0, said, "")
    english = ran("--ca", root_pem, file)
    assert english[1].startswith("It holds as far as this program looks: 3 signature(s)")
    assert "perch\\xe9 no?" in english[1]
    assert ran("--lang=en", "--ca", root_pem, file, LC_ALL="it_IT.UTF-8") == english


def test_broken_package_is_told_in_italian(package: Package, tmp_path: Path) -> None:
    members = members_of(package)
    del members["daticert/001-acceptance.xml"]
    file = tmp_path / "rotto.zip"
    file.write_bytes(canonical_zip.pack({**members, "json.py": b""}))
    status, said, wrong = ran("--lang", "it", file)
    assert (status, wrong) == (1, "")
    assert "daticert/001-acceptance.xml: manca\n" in said
    assert "json.py: non appartiene al fascicolo\n" in said
    chain = "la firma è valida, ma nessuna catena conduce a un'autorità di questo computer o di --ca\n"
    assert f"non è prova, ma report.json lo conta come tale: {chain}" in said
    assert ": accettato, casella ordinaria (external)" not in said
    assert f"per {ANNA}; risulta invece: in attesa dell'accettazione (awaiting_acceptance)\n" in said
    assert re.search(r"\nRilievi: \d+\. NON regge\.\n\Z", said)
    english = ran(file)
    assert english[0] == 1
    assert len(english[1].splitlines()) == len(said.splitlines())


def test_what_cannot_run_is_told_in_italian(tmp_path: Path) -> None:
    missing = tmp_path / "manca.zip"
    told = f"verifica non eseguibile: file o cartella inesistente: {str(missing)!r}\n"
    assert ran("--lang", "it", missing) == (2, "", told)
    assert ran(missing) == (2, "", f"cannot run: [Errno 2] No such file or directory: {str(missing)!r}\n")
    assert alone.said("it", "cannot run: {}", OSError("there is no openssl command on this machine's path")) == (
        "verifica non eseguibile: il comando openssl non è nel PATH di questo computer"
    )


def test_help_and_errors_of_the_command_are_italian(capsys: pytest.CaptureFixture[str]) -> None:
    status, said, _ = ran("--help", LANG="it_IT.UTF-8")
    assert status == 0
    assert said.startswith("uso: verify_package.py [-h] [--ca FILE] [--tsa-ca FILE] [--lang {en,it}]")
    for line in (
        *("Verifica un fascicolo di prova con openssl", "\nargomenti:\n  fascicolo\n", "\nopzioni:\n"),
        *("mostra questo aiuto ed esce", "si fida anche di questo certificatore", "parla in questa lingua"),
    ):
        assert line in said
    for arguments, error in (
        (["--lang", "it", "a", "b"], "errore: argomenti non riconosciuti: b"),
        (["--lang", "it", "--ca"], "--ca: manca il valore"),
        (["--la", "it", "--help=x"], "-h/--help: non ammette un valore: 'x'"),
    ):
        with pytest.raises(SystemExit) as ended:
            alone.main(arguments)
        assert ended.value.code == 2
        assert error in capsys.readouterr().err
    status, said, _ = ran("--help")
    assert (status, said.splitlines()[0][:6]) == (0, "usage:")
    assert "trust this authority too" in said
    assert ran("--lang", "de")[0] == ran("--lang")[0] == 2


def test_words_of_the_command_need_no_accents() -> None:
    """argparse writes them itself, and would stumble where the terminal has no accents."""
    texts = [alone.ITALIAN[one] for one in alone.ITALIAN if "%" in one]
    texts += [alone.ITALIAN[one] for one in ("usage: ", "options", "optional arguments", "positional arguments",
              "show this help message and exit", "expected one argument", "package", "speak this language",
              "trust this authority too", "of time-stamps",
              "Verifies a proof package with openssl, trusting nothing in it.")]  # fmt: skip
    assert all(one.isascii() for one in texts)


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        ("perché è già così più", "utf-8", "perché è già così più"),
        ("ÀÈÉÌÒÙ l'ora", "iso-8859-1", "ÀÈÉÌÒÙ l'ora"),
        ("perché è già", "ascii", "perche' e' gia'"),
        ("àÀ", "cp437", "àA'"),  # it has only the small ones
        ("ñ ü ’ \u202e \x9b \x1b[2J\n\ud800 е\u0300", "utf-8",
         "\\xf1 \\xfc \\u2019 \\u202e \\x9b \\x1b[2J\\x0a\\ud800 \\u0435\\u0300"),
    ],
)  # fmt: skip
def test_only_the_accents_of_italian_are_shown(text: str, encoding: str, shown: str) -> None:
    assert alone.printable(text, encoding) == shown


def test_accents_are_written_as_the_terminal_has_them(
    package: Package, root_pem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "fascicolo.zip"
    file.write_bytes(package.content)
    said = {}
    for encoding in ("ascii", "cp1252"):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, newline="\n"))
        assert alone.main(["--lang", "it", "--ca", str(root_pem), str(file)]) == 0
        sys.stdout.flush()
        said[encoding] = raw.getvalue().decode(encoding)
    assert "di cio' che vale come prova" in said["ascii"]
    assert said["cp1252"].replace("ò", "o'").replace("é", "e'").replace("è", "e'").replace("à", "a'") == said["ascii"]
    monkeypatch.setattr(sys, "stdout", io.StringIO())  # has no encoding
    assert alone.main(["--lang", "it", str(tmp_path / "manca.zip")]) == 2
