"""What a user would lose: tampering with the ledger that nobody notices, or that is not named."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, Update, delete, func, select, update

from pec_tracker.archive.finding import Finding
from pec_tracker.db.engine import open_engine
from pec_tracker.db.tables import Ledger, Seal
from pec_tracker.ledger.segments import (
    list_files,
    split_lines,
)
from pec_tracker.ledger.verify import verify_ledger
from tests.archive.folders import segment_path, shelf
from tests.archive.killed import killed_at
from tests.ledger.ledgers import overwrite, put_back, sealed_ledger, write_lines


@pytest.fixture
def sealed(engine: Engine, root: Path, tmp_path: Path) -> Path:
    """Three segments of four, three and four lines; `pristine` beside is a copy."""
    sealed_ledger(engine, root, [4, 3, 4])
    put_back(root, tmp_path / "pristine")
    return root


def named(findings: list[Finding]) -> set[tuple[str, str]]:
    assert all(finding.detail for finding in findings)
    return {(finding.kind.value, finding.object) for finding in findings}


def found(root: Path, engine: Engine | None = None) -> set[tuple[str, str]]:
    return named(verify_ledger(shelf(root), engine))


@pytest.mark.parametrize(
    "name", [*(f"0000000{n}.{kind}" for n in (1, 2, 3) for kind in ("jsonl", "seal")), "00000001.head", "00000002.head"]
)
def test_any_single_byte_flipped_is_found_and_named(sealed: Path, name: str) -> None:
    """Without the database: the archive alone shows it. Every byte, each with one random other value."""
    path = sealed / "ledger" / name
    sound = path.read_bytes()
    path.chmod(0o600)
    chance = random.Random(name)
    numbers = {name[:8], f"{int(name[:8]) + 1:08}"}  # a changed seal also breaks the chain to the next
    for place in range(len(sound)):
        flipped = bytearray(sound)
        flipped[place] ^= chance.randrange(1, 256)
        path.write_bytes(flipped)
        findings = verify_ledger(shelf(sealed), None)
        assert any(finding.object.startswith(name[:8]) for finding in findings), (place, bytes(flipped))
        assert all(finding.object[:8] in numbers for finding in findings)
    path.write_bytes(sound)
    assert verify_ledger(shelf(sealed), None) == []


def test_many_bytes_flipped_are_found_against_the_database(sealed: Path, engine: Engine) -> None:
    chance = random.Random(7)
    for path in sorted((sealed / "ledger").iterdir()):
        sound = path.read_bytes()
        path.chmod(0o600)
        for place in chance.sample(range(len(sound)), 25):
            flipped = bytearray(sound)
            flipped[place] ^= 1 << chance.randrange(8)
            path.write_bytes(flipped)
            assert any(finding.object.startswith(path.name[:8]) for finding in verify_ledger(shelf(sealed), engine))
        path.write_bytes(sound)
    assert verify_ledger(shelf(sealed), engine) == []


def _swap(lines: list[bytes]) -> list[bytes]:
    return [lines[1], lines[0], *lines[2:]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda lines: lines[:1] + lines[2:], {("line-missing", "00000003.jsonl:2")}),
        (lambda lines: lines[:-1], {("line-missing", "00000003.jsonl:4")}),
        (lambda lines: lines[1:], {("line-missing", "00000003.jsonl:1")}),
        (lambda lines: [], {("line-missing", f"00000003.jsonl:{n}") for n in (1, 2, 3, 4)}),
        (_swap, {("line-moved", "00000003.jsonl:1"), ("line-moved", "00000003.jsonl:2")}),
        (lambda lines: [*lines[:2], b"{}\n", *lines[2:]], {("line-extra", "00000003.jsonl:3")}),
        (lambda lines: [*lines, lines[0]], {("line-extra", "00000003.jsonl:5")}),
        (
            lambda lines: [lines[0], lines[1].replace(b'"uid":1', b'"uid":7'), *lines[2:]],
            {("line-edited", "00000003.jsonl:2")},
        ),
        (lambda lines: [*lines[:3], lines[3][:-1]], {("line-edited", "00000003.jsonl:4")}),
    ],
)
def test_changed_lines_are_named_one_by_one(
    sealed: Path, engine: Engine, change: Callable[[list[bytes]], list[bytes]], expected: set[tuple[str, str]]
) -> None:
    path = segment_path(sealed, 3)
    overwrite(path, b"".join(change(split_lines(path.read_bytes()))))
    assert found(sealed, engine) == found(sealed) == expected


@pytest.mark.parametrize(
    ("gone", "alone", "against_database"),
    [
        (["00000002.jsonl"], {("segment-missing", "00000002.jsonl")}, {("segment-missing", "00000002.jsonl")}),
        (["00000002.seal"], {("seal-missing", "00000002.seal")}, {("seal-missing", "00000002.seal")}),
        (["00000003.seal"], {("seal-unfinished", "00000003.jsonl")}, {("seal-missing", "00000003.seal")}),
        (
            ["00000003.seal", "00000003.jsonl"],
            set(),
            {("seal-missing", "00000003.seal"), ("segment-missing", "00000003.jsonl")},
        ),
        (
            ["00000001.seal", "00000001.jsonl"],
            {("seal-missing", "00000001.seal"), ("segment-missing", "00000001.jsonl")},
            {("seal-missing", "00000001.seal"), ("segment-missing", "00000001.jsonl")},
        ),
    ],
)
def test_files_taken_away_are_named_and_the_last_ones_against_the_database(
    sealed: Path,
    engine: Engine,
    gone: list[str],
    alone: set[tuple[str, str]],
    against_database: set[tuple[str, str]],
) -> None:
    for name in gone:
        (sealed / "ledger" / name).unlink()
    assert found(sealed) == alone
    assert found(sealed, engine) == against_database


def test_whole_ledger_taken_away_is_noticed_against_the_database(sealed: Path, engine: Engine) -> None:
    for path in (sealed / "ledger").iterdir():
        path.unlink()
    assert found(sealed, engine) == {
        (f"{kind}-missing", f"0000000{n}.{suffix}")
        for n in (1, 2, 3)
        for kind, suffix in (("seal", "seal"), ("segment", "jsonl"))
    }


def test_history_written_anew_by_who_knows_the_format_is_not_that_of_the_database(
    sealed: Path, engine: Engine, tmp_path: Path
) -> None:
    other = open_engine(f"sqlite:///{tmp_path / 'other.db'}")
    sealed_ledger(other, tmp_path / "other", [4, 3, 4])
    other.dispose()
    for name in ("00000003.seal", "00000003.jsonl"):
        overwrite(sealed / "ledger" / name, (tmp_path / "other" / "ledger" / name).read_bytes())
    assert ("chain-broken", "00000003.seal") in found(sealed)
    assert ("seal-replaced", "00000003.seal") in found(sealed, engine)
    put_back(tmp_path / "other", sealed)
    assert found(sealed) == set()
    assert {("seal-replaced", f"0000000{n}.seal") for n in (1, 2, 3)} <= found(sealed, engine)


def _edit(**values: object) -> Update:
    return update(Ledger).where(Ledger.seal_number == 2, Ledger.position == 2).values(**values)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([_edit(line=func.replace(Ledger.line, '"uid":1', '"uid":9'))], {("database-line-edited", "2")}),
        ([_edit(act="mail.purged")], {("database-line-edited", "2")}),
        ([_edit(line_id="0" * 26)], {("database-line-edited", "2")}),
        (
            [delete(Ledger).where(Ledger.seal_number == 2, Ledger.position == 2)],
            {("database-line-missing", "2"), ("database-line-edited", "2")},
        ),
        ([_edit(position=9)], {("database-line-moved", "2"), ("database-line-moved", "3")}),
        (
            [
                delete(Ledger).where(Ledger.seal_number == 2, Ledger.position == 2),
                update(Ledger).where(Ledger.seal_number == 2, Ledger.position == 3).values(position=2),
            ],
            {("database-line-missing", "2")},
        ),
    ],
)
def test_lines_changed_in_the_database_are_named(
    sealed: Path, engine: Engine, changes: list[Update], expected: set[tuple[str, str]]
) -> None:
    with engine.begin() as connection:
        for change in changes:
            connection.execute(change)
    seen = found(sealed, engine)
    assert {(kind, f"database:00000002:{line}") for kind, line in expected} <= seen
    assert all(name.startswith("database:00000002") for _, name in seen)


def test_line_put_into_a_sealed_segment_of_the_database_is_named(sealed: Path, engine: Engine) -> None:
    write_lines(engine, 1)
    with engine.begin() as connection:
        connection.execute(update(Ledger).where(Ledger.seal_number.is_(None)).values(seal_number=1, position=5))
    assert found(sealed, engine) == {("database-line-extra", "database:00000001:5")}


def test_line_changed_before_any_seal_guards_it_is_named(sealed: Path, engine: Engine) -> None:
    write_lines(engine, 1)
    with engine.begin() as connection:
        connection.execute(update(Ledger).where(Ledger.seal_number.is_(None)).values(line="{}\n"))
    assert found(sealed, engine) == {("database-line-edited", "database:waiting")}


def test_seal_row_changed_in_the_database_is_named(sealed: Path, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(Seal).where(Seal.number == 2).values(count=7))
    assert found(sealed, engine) == {("database-seal-edited", "database:00000002")}
    with engine.begin() as connection:
        connection.execute(update(Seal).where(Seal.number == 2).values(count=3, sha256="0" * 64))
    assert found(sealed, engine) == {("seal-replaced", "00000002.seal")}


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ("seal.segment-written", {("seal-unfinished", "00000004.jsonl")}),
        ("seal.before-commit", {("seal-unrecorded", "00000004.seal")}),
    ],
)
def test_interrupted_sealing_is_told_from_tampering(
    sealed: Path, engine: Engine, point: str, expected: set[tuple[str, str]]
) -> None:
    write_lines(engine, 1)
    url = engine.url.render_as_string(hide_password=False)
    engine.dispose()

    def seal() -> None:
        sealed_ledger(open_engine(url), sealed, [0])

    assert killed_at(point, seal)
    assert found(sealed, engine) == expected


def test_files_that_are_not_ours_and_links_are_named(sealed: Path) -> None:
    ledger = sealed / "ledger"
    (ledger / "notes.txt").write_text("mine")
    (ledger / "4.seal").write_text("")
    (ledger / "00000001.tsr").write_bytes(b"a time-stamp")
    (ledger / ".00000004.seal.0011.tmp").write_bytes(b"what a killed run left")
    (ledger / "00000009.seal").mkdir()
    assert found(sealed) == {("foreign-file", f"ledger/{name}") for name in ("notes.txt", "4.seal", "00000009.seal")}
    assert list_files(shelf(sealed)).newest == 3


def test_unreadable_files_are_findings_and_the_rest_is_still_checked(sealed: Path) -> None:
    """A link to itself can be read by nobody, not even by root."""
    for name in ("00000001.seal", "00000002.jsonl"):
        (sealed / "ledger" / name).unlink()
        (sealed / "ledger" / name).symlink_to(name)
    overwrite(segment_path(sealed, 3), b"")
    seen = found(sealed)
    assert ("seal-missing", "00000001.seal") in seen
    assert ("segment-missing", "00000002.jsonl") in seen
    assert ("line-missing", "00000003.jsonl:1") in seen


def test_database_that_fails_is_a_finding_and_the_archive_is_still_checked(sealed: Path, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE ledger RENAME COLUMN line TO lost")
        assert connection.scalar(select(func.count()).select_from(Seal)) == 3
    overwrite(segment_path(sealed, 3), b"")
    seen = found(sealed, engine)
    assert ("database-unreadable", "database") in seen
    assert ("line-missing", "00000003.jsonl:4") in seen
