"""A PEC provider for each watch that is kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pec_tracker.sandbox.server import Sandbox
from tests.sandbox.running import sandbox_in


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A PEC provider where a day lasts a second."""
    with sandbox_in(tmp_path / "sandbox") as running:
        yield running
