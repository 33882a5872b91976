"""Who still lives? A lease of a dead process of this machine holds nobody up; everybody else's is respected."""

import os
from pathlib import Path

from pec_tracker.presence import Presence
from tests.archive.killed import in_another_process


def test_a_process_that_lives_is_not_taken_for_dead(tmp_path: Path) -> None:
    one, other = Presence(tmp_path), Presence(tmp_path)
    assert not other.gone(one.owner())
    assert not one.gone(one.owner())


def test_a_process_that_ended_is_gone(tmp_path: Path) -> None:
    said = tmp_path / "owner.txt"

    def act() -> None:
        said.write_text(Presence(tmp_path / "alive").owner())
        os._exit(0)

    in_another_process(act)
    assert Presence(tmp_path / "alive").gone(said.read_text())


def test_of_another_machine_or_release_nothing_is_known(tmp_path: Path) -> None:
    place = tmp_path / "0123456789abcdef.alive"
    place.touch()
    here = Presence(tmp_path)
    own = here.owner()
    host = own.partition("|")[0]
    assert here.gone(f"{host}|{place}|00"), "left by a process that ended"
    unknown = [f"another|{place}|00", "host:4711:0a1b2c3d", "", f"{host}|4711|00", f"{host}|/etc/passwd|00"]
    for owner in (*unknown, f"{host}|{tmp_path / 'x.alive'}|00"):
        assert not here.gone(owner), owner


def test_each_holder_has_a_name_of_its_own(tmp_path: Path) -> None:
    for presence in (Presence(), Presence(tmp_path)):
        assert presence.owner() != presence.owner()
        assert not presence.gone(presence.owner())
