"""Every test here starts in English, whatever the developer's machine speaks, and leaves English behind."""

from collections.abc import Iterator

import pytest

from pec_tracker import texts


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LANGUAGE", "")
    monkeypatch.setenv("LANG", "C.UTF-8")
    yield
    texts.activate("en")
