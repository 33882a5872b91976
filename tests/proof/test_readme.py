"""The README of a package is enough: its own commands, run as they stand, verify it; and they fail where it is not."""

import inspect
import io
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pec_tracker.askers import OPERATOR
from pec_tracker.pec import clocks, original, points
from pec_tracker.render.wording import section
from pec_tracker.service.proof import limits as proof_limits
from pec_tracker.service.proof.make import Package, proof
from pec_tracker.service.sending.send import Queued
from tests.factory import ca, cms, receipts
from tests.proof.house import ANNA, Desk, desk, receipt


def unpacked(package: Package, folder: Path) -> Path:
    """The package as a stranger unpacks it."""
    with zipfile.ZipFile(io.BytesIO(package.content)) as archive:
        archive.extractall(folder)
    return folder


def commands_of(folder: Path) -> list[str]:
    """What the README tells to run."""
    (readme,) = [path for path in folder.iterdir() if path.name in ("README.txt", "LEGGIMI.txt")]
    return [line[6:] for line in readme.read_text("utf-8").splitlines() if line.startswith("    $ ")]


def ran(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A command in a shell that knows nothing of pec-tracker."""
    path = f"{Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin"
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env={"PATH": path}, capture_output=True, text=True, check=False
    )


def failing(folder: Path) -> list[str]:
    """The README's commands that do not end well."""
    return [command for command in commands_of(folder) if ran(folder, command).returncode != 0]


@pytest.mark.parametrize("language", ["en", "it"])
def test_commands_of_the_readme_verify_the_package_without_us(
    told: tuple[Desk, Queued], tmp_path: Path, language: str
) -> None:
    here, queued = told
    folder = unpacked(proof(OPERATOR, here.house, queued.key, language=language), tmp_path)
    commands = commands_of(folder)
    assert sum(command.startswith("openssl cms -verify") for command in commands) == 3
    assert sum("sha256sum" in command for command in commands) >= 8
    assert failing(folder) == []
    said = ran(folder, next(command for command in commands if command.startswith("openssl cms")))
    assert "CMS Verification successful" in said.stderr


@pytest.mark.parametrize(
    ("member", "bend", "noticed"),
    [
        ("receipts/002-delivery.eml", lambda raw: raw.replace(b"Y2VydGlm", b"Y2VydGlt", 1), "openssl cms"),
        ("message/original.eml", lambda raw: raw + b"x", "grep"),
        ("ledger/00000001.seal", lambda raw: raw.replace(b"0", b"1", 1), "*.head"),
        ("ledger/00000001.head", lambda raw: raw.replace(b"0", b"1", 1), "*.head"),
        ("README.txt", lambda raw: raw + b"\n", "SHA256SUMS"),
    ],
)
def test_commands_of_the_readme_notice_what_was_changed(
    package: Package, tmp_path: Path, member: str, bend: Callable[[bytes], bytes], noticed: str
) -> None:
    folder = unpacked(package, tmp_path)
    changed = bend((folder / member).read_bytes())
    assert changed != (folder / member).read_bytes()
    (folder / member).write_bytes(changed)
    assert any(noticed in command for command in failing(folder))


def test_commands_hold_for_old_mail_with_sha1_and_a_certificate_that_has_expired(tmp_path: Path) -> None:
    here = desk(tmp_path / "house")
    queued = here.compose(ANNA)
    signer = ca.provider(receipts.pec_authority(), key="short-lived", not_after=receipts.ISSUED_AT.replace(year=2027))
    old = cms.Signer(signer, signed_at=receipts.ISSUED_AT, digest="sha1")
    here.take_in(receipt(queued, "accettazione", signers=(old,)))
    made = proof(OPERATOR, here.house, queued.key)
    assert "weak-algorithms" in made.report["limits"]
    assert failing(unpacked(made, tmp_path / "package")) == []


def test_mail_stored_with_other_line_ends_verifies_too(tmp_path: Path) -> None:
    here = desk(tmp_path / "house")
    queued = here.compose(ANNA)
    here.take_in(receipt(queued, "accettazione").replace(b"\r\n", b"\n"))
    made = proof(OPERATOR, here.house, queued.key)
    assert made.report["proof"][0]["verification"]["form"] == "crlf"
    assert failing(unpacked(made, tmp_path / "package")) == []


def test_verifier_runs_from_the_zip_and_from_the_folder_and_takes_no_root_from_the_package(
    package: Package, root_pem: Path, tmp_path: Path
) -> None:
    folder = unpacked(package, tmp_path / "package")
    file = tmp_path / "proof.zip"
    file.write_bytes(package.content)
    shutil.copy(folder / "verify_package.py", tmp_path)
    for target in (folder, file):
        held = ran(tmp_path, f"python3 -I verify_package.py --ca {root_pem} {target}")
        assert held.returncode == 0, held.stdout
        assert "an authority that YOU named (--ca)" in held.stdout
        assert "NOT compared here:" in held.stdout
        alone = ran(tmp_path, f"python3 -I verify_package.py {target}")
        assert alone.returncode == 1
        assert alone.stdout.count("no chain leads to an authority") == 3
    assert ran(tmp_path, "python3 verify_package.py nowhere.zip").returncode == 2


def test_both_languages_have_the_same_words_and_every_limit_has_some() -> None:
    for name in ("limits", "text", "summary", "acts"):
        assert section("en", name).keys() == section("it", name).keys()
    limits = set(re.findall(r'yield "([a-z0-9-]+)"', inspect.getsource(proof_limits)))
    # Those of agreement, each where it is said.
    for module in (clocks, original, points):
        limits |= {name for name in section("en", "limits") if f'"{name}"' in inspect.getsource(module)}
    limits |= {name.replace("_", "-") for name in original.SOFT}
    assert limits == section("en", "limits").keys() - {"contents"}
