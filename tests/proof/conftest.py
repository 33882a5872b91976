"""The story is told once a session: packages are values, and making them changes nothing."""

from pathlib import Path

import pytest

from pec_tracker.askers import OPERATOR
from pec_tracker.service.proof.make import Package, proof
from pec_tracker.service.sending.send import Queued
from tests.factory import receipts
from tests.proof.house import Desk, story


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verifier that stands alone speaks English, wherever these tests run."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Queued]:
    """A house in which Anna got the message and Bruno did not (see `house.story`)."""
    return story(tmp_path_factory.mktemp("story"))


@pytest.fixture(scope="session")
def package(told: tuple[Desk, Queued]) -> Package:
    """The package of that message."""
    desk, queued = told
    return proof(OPERATOR, desk.house, queued.key)


@pytest.fixture(scope="session")
def root_pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The factory's root, in a file that is not the package's."""
    file = tmp_path_factory.mktemp("root") / "root.pem"
    file.write_bytes(receipts.root_authority().pem)
    return file
