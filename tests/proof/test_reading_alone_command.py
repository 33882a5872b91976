"""The verifier that stands alone as a command: what it imports, which package it takes, how it says what came of it."""

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from pec_tracker.render import verify_package as alone
from pec_tracker.render.verify_package import Result
from tests.factory import receipts

PROGRAM = alone.__file__


class Flags:
    """Python's flags, and whether it runs isolated (-I)."""

    def __init__(self, isolated: int) -> None:
        self.isolated = isolated

    def __getattr__(self, name: str) -> object:
        return getattr(sys.__dict__["_flags_of_the_tests"], name)


def run(monkeypatch: pytest.MonkeyPatch, name: str, isolated: int, *arguments: str) -> tuple[object, list[str]]:
    """The status of the program when it runs under a name, None where it ends by itself; the path that it leaves."""
    monkeypatch.setattr(sys, "_flags_of_the_tests", sys.flags, raising=False)
    monkeypatch.setattr(sys, "flags", Flags(isolated))
    monkeypatch.setattr(sys, "path", ["/beside", *sys.path])
    monkeypatch.setattr(sys, "argv", [PROGRAM, *arguments])
    status: object = None
    try:
        runpy.run_path(PROGRAM, run_name=name)
    except SystemExit as ended:
        status = ended.code
    path = list(sys.path)
    monkeypatch.undo()
    return status, path[:1]


@pytest.mark.parametrize(
    ("name", "isolated", "kept", "status"),
    [("__main__", 0, False, 1), ("__main__", 1, True, 1), ("verify_package", 0, True, None)],
)
def test_folder_beside_the_program_is_no_place_for_modules(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, isolated: int,
    kept: bool, status: int | None,
) -> None:  # fmt: skip
    (tmp_path / "bad.zip").write_bytes(b"bad")
    ended, path = run(monkeypatch, name, isolated, str(tmp_path / "bad.zip"))
    assert ended == status
    assert (path == ["/beside"]) is kept
    assert ("does NOT hold" in capsys.readouterr().out) is (status is not None)


def test_package_authorities_and_their_order_are_taken_from_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Any] = []

    def examined(*given: Any) -> Result:
        asked.append(given)
        return Result()

    monkeypatch.setattr(alone, "examined", examined)
    (tmp_path / "a.zip").write_bytes(b"zip")
    assert alone.main([str(tmp_path / "a.zip"), "--ca", "x", "--ca", "y", "--tsa-ca", "z"]) == 0
    assert asked.pop() == (b"zip", {}, [Path("x"), Path("y")], [Path("z")])
    assert alone.main([str(tmp_path)]) == 0
    assert asked.pop() == (None, {"a.zip": b"zip"}, [], [])
    assert alone.main([]) == 0
    (raw, members, *_) = asked.pop()
    assert raw is None
    assert members["verify_package.py"] == Path(PROGRAM).read_bytes()


def test_authority_that_cannot_be_read_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert alone.main([str(tmp_path), "--ca", str(tmp_path / "missing.pem")]) == 2
    assert alone.main([str(tmp_path), "--tsa-ca", str(tmp_path / "missing.pem")]) == 2
    assert capsys.readouterr().err.count("cannot run: ") == 2


def test_folder_of_nothing_is_examined_throughout() -> None:
    """Each check stumbles or finds by itself, and none keeps the next from running."""
    assert alone.verify(None, {}, []) == [
        ("SHA256SUMS", "is missing"),
        ("report.json", "or what it names cannot be read (KeyError)"),
    ]
    found = alone.verify(None, {"json.py": b"", "certificates/0000000000000000.der": b"x"}, [])
    assert ("json.py", "does not belong here") in found
    assert ("json.py", "is not what metadata/PIndex.xml says") in found
    assert ("certificates/0000000000000000.der", "does not have the SHA-256 in its name") in found
    assert len(found) == len(set(found))


def test_zip_is_read_and_its_findings_kept(tmp_path: Path) -> None:
    file = tmp_path / "root.pem"
    file.write_bytes(receipts.root_authority().pem)
    raw = b"".join(piece for piece, _ in alone.zip_pieces({"json.py": b""}))
    found = alone.verify(raw + b"x", {}, [file])
    assert found[0] == ("ZIP", "is followed by something")
    assert ("json.py", "does not belong here") in found
    assert alone.verify(b"", {}, [file]) == [("ZIP", "is no ZIP as packages are written")]
