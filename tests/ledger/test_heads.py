"""What a user would lose: a package that grows with the years, or seals that nothing ties to the newest any more."""

import hashlib
import itertools
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

from pec_tracker.archive.local import LocalArchive
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Seal
from pec_tracker.errors import LedgerError
from pec_tracker.ledger import heads, segments
from pec_tracker.ledger.mend import write_again
from pec_tracker.ledger.seals import seal_pending
from pec_tracker.ledger.verify import verify_ledger
from tests.archive.folders import head_path, seal_path, shelf
from tests.ledger.ledgers import NOON, overwrite, sealed_ledger, write_lines


def found(root: Path, engine: Engine | None = None) -> set[tuple[str, str]]:
    return {(one.kind.value, one.object) for one in verify_ledger(shelf(root), engine)}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def seal_hash(number: int) -> str:
    return digest(b"seal %d" % number)


def as_old_releases_sealed(engine: Engine, root: Path) -> None:
    """Take the heads away: files, and what the seals and the database say of them."""
    previous = None
    for number in range(1, segments.list_files(shelf(root)).newest + 1):
        entries = segments.read_seal(shelf(root), number).entries
        content = segments.render_seal(previous, None, entries)
        overwrite(seal_path(root, number), content)
        with engine.begin() as connection:
            values = {"sha256": digest(content), "previous": previous}
            connection.execute(update(Seal).where(Seal.number == number).values(values))
        previous = digest(content)
    for path in (root / "ledger").glob("*.head"):
        path.unlink()


@given(st.integers(1, 2_000_000), st.data())
def test_the_way_to_any_earlier_seal_is_short_and_each_step_is_said_by_the_one_before(
    newest: int, data: st.DataObject
) -> None:
    target = data.draw(st.integers(1, newest))
    way = heads.way(newest, [target])
    assert (way[0], way[-1]) == (newest, target)
    assert len(way) <= 1 + 30 * 6  # 16 ** 6 is above two million
    for at, after in itertools.pairwise(way):
        assert at - after in set(heads.steps(at))


def test_one_way_leads_to_all_that_are_wanted() -> None:
    assert heads.way(40, [40, 3, 17]) == [*range(40, 15, -1), *range(15, 2, -1)]
    assert heads.way(300, [3]) == [*range(300, 288, -1), 288, 272, 256, *range(240, 15, -16), *range(15, 2, -1)]
    assert heads.way(48, [16, 2])[:4] == [48, 32, 16, 15]
    assert heads.way(5, []) == []


def test_heads_made_as_seals_come_are_those_made_from_the_files(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    made = heads.Heads()
    for number in range(1, 300):
        content = made.add(seal_hash(number))
        assert content is not None
        assert heads.ensure_head(shelf(tmp_path), number, seal_hash) == made.newest == digest(content)
        of_seal, earlier = heads.parse_head(number, content)
        assert of_seal == seal_hash(number)
        assert [number - one for one in earlier] == list(heads.steps(number))
    assert head_path(tmp_path, 256).read_text().split()[1::2] == [
        "00000256.seal", "00000255.head", "00000240.head",
    ]  # fmt: skip
    (tmp_path / "ledger/00000240.head").unlink()  # and whatever is missing is made again on the way
    (tmp_path / "ledger/00000256.head").unlink()
    heads.ensure_head(shelf(tmp_path), 256, seal_hash)
    assert head_path(tmp_path, 240).exists()


def test_head_that_cannot_be_known_is_not_made_up(tmp_path: Path) -> None:
    made = heads.Heads()
    for number in range(1, 6):
        made.add(seal_hash(number))
    assert made.add(None) is None
    assert made.add(seal_hash(7)) is None
    made.tell("a" * 64)
    content = made.add(seal_hash(8))
    assert content == f"{seal_hash(8)}  00000008.seal\n{'a' * 64}  00000007.head\n".encode()


@pytest.mark.parametrize(
    "content",
    [b"", b"x", f"{'a' * 64}  00000002.seal".encode(), f"{'a' * 64}  00000002.seal\n".encode(),
     f"{'a' * 64}  00000002.seal\n{'b' * 64}  00000002.head\n".encode(),
     f"{'b' * 64}  00000001.head\n{'a' * 64}  00000002.seal\n".encode(),
     f"{'a' * 64}  00000002.seal\n{'b' * 64}  00000001.head\n\n".encode(),
     f"{'a' * 64}  00000002.seal\r\n{'b' * 64}  00000001.head\r\n".encode()],
)  # fmt: skip
def test_what_is_not_written_as_heads_are_is_none(content: bytes) -> None:
    with pytest.raises(LedgerError, match="not written as heads are"):
        heads.parse_head(2, content)
    heads.parse_head(2, f"{'a' * 64}  00000002.seal\n{'b' * 64}  00000001.head\n".encode())


def test_expert_follows_the_heads_with_sha256sum_alone(engine: Engine, root: Path) -> None:
    sealed_ledger(engine, root, [1] * 18)
    folder = root / "ledger"
    assert sorted(path.name for path in folder.glob("*.head")) == [f"{number:08}.head" for number in range(1, 18)]
    for head in folder.glob("*.head"):
        assert subprocess.run(["sha256sum", "--check", "--strict", head.name], cwd=folder, check=False).returncode == 0
    newest = (folder / "00000018.seal").read_text().splitlines()[1]
    assert newest == f"# head {digest((folder / '00000017.head').read_bytes())}"


def test_ledger_of_an_old_release_goes_on_and_its_seals_stay(engine: Engine, root: Path) -> None:
    sealed_ledger(engine, root, [2] * 20)
    as_old_releases_sealed(engine, root)
    old = {path.name: path.read_bytes() for path in (root / "ledger").iterdir()}
    assert verify_ledger(shelf(root), engine) == []
    assert len([segment.number for segment in segments.read_segments(shelf(root))]) == 20
    write_lines(engine, 1)
    (seal,) = seal_pending(engine, LocalArchive(root), now=NOON)
    assert seal.head == heads.head_digest(shelf(root), 20)
    assert verify_ledger(shelf(root), engine) == []
    assert {name: (root / "ledger" / name).read_bytes() for name in old} == old
    assert len([segment.number for segment in segments.read_segments(shelf(root))]) == 21


def test_seal_that_an_old_release_left_unrecorded_is_taken_up(engine: Engine, root: Path) -> None:
    sealed_ledger(engine, root, [2, 2])
    as_old_releases_sealed(engine, root)
    lines = write_lines(engine, 1)
    with reading(engine) as connection:
        previous = connection.scalar(select(Seal.sha256).where(Seal.number == 2))
    from pec_tracker.ledger.lines import encode

    segments.write_segment(shelf(root), 3, [encode(line) for line in lines])
    left = segments.finish_seal(shelf(root), 3, previous, None)
    assert [seal.sha256 for seal in seal_pending(engine, LocalArchive(root), now=NOON)] == [left.sha256]
    assert verify_ledger(shelf(root), engine) == []


def test_lost_heads_are_named_and_written_again_as_they_were(engine: Engine, root: Path) -> None:
    sealed_ledger(engine, root, [1] * 18)
    whole = {path.name: path.read_bytes() for path in (root / "ledger").iterdir()}
    for name in ("00000001.head", "00000016.head", "00000017.head", "00000009.seal"):
        (root / "ledger" / name).unlink()
    assert {one for one in found(root, engine) if one[0] == "head-missing"} == {
        ("head-missing", "00000001.head"), ("head-missing", "00000016.head"), ("head-missing", "00000017.head"),
    }  # fmt: skip
    mended = write_again(engine, shelf(root))
    assert set(mended.written) == {"00000001.head", "00000016.head", "00000017.head", "00000009.seal"}
    assert {path.name: path.read_bytes() for path in (root / "ledger").iterdir()} == whole
    assert verify_ledger(shelf(root), engine) == []


def test_archive_of_an_old_release_is_given_no_heads_by_a_repair(engine: Engine, root: Path) -> None:
    sealed_ledger(engine, root, [1] * 3)
    as_old_releases_sealed(engine, root)
    (root / "ledger/00000003.seal").unlink()
    assert write_again(engine, shelf(root)).written == ("00000003.seal",)
    assert verify_ledger(shelf(root), engine) == []


def test_seals_lost_with_the_database_are_made_again_from_what_names_them(engine: Engine, root: Path) -> None:
    sealed_ledger(engine, root, [1] * 18)
    names = ("00000005.seal", "00000018.seal")
    whole = {name: (root / "ledger" / name).read_bytes() for name in names}
    for name in names:
        (root / "ledger" / name).unlink()
    assert len(list(segments.read_segments(shelf(root), lambda name: None))) == 18
    assert {name: (root / "ledger" / name).read_bytes() for name in names} == whole


def test_head_put_in_is_named(engine: Engine, root: Path) -> None:
    sealed_ledger(engine, root, [1] * 3)
    (root / "ledger/00000009.head").write_bytes(b"x")
    assert found(root, engine) == {("foreign-file", "ledger/00000009.head")}


def test_changed_head_is_named_and_nothing_else(engine: Engine, root: Path) -> None:
    sealed_ledger(engine, root, [1] * 18)
    path = root / "ledger/00000004.head"
    overwrite(path, path.read_bytes().replace(b"0", b"1", 1))
    assert found(root) == {("head-replaced", "00000004.head")}


def test_seal_that_says_another_head_breaks_the_chain(engine: Engine, root: Path) -> None:
    sealed_ledger(engine, root, [1] * 4)
    seal = segments.read_seal(shelf(root), 4)
    overwrite(seal_path(root, 4), segments.render_seal(seal.previous, "a" * 64, seal.entries))
    assert found(root) == {("chain-broken", "00000004.seal")}
    with pytest.raises(LedgerError, match="does not follow"):
        list(segments.read_segments(shelf(root)))
