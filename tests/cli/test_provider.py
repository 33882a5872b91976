"""`provider list | show`: a user sees what we know of his provider, and how well we know it."""

import json

import pytest

from pec_tracker.cli.main import run
from pec_tracker.providers import names


def test_every_provider_is_listed_with_what_its_settings_rest_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--lang", "it", "provider", "list"]) == 0
    told = capsys.readouterr()
    rows = {line.split()[0]: line for line in told.out.splitlines()[1:]}
    assert tuple(rows) == names()
    assert rows["aruba"].endswith("verificate")
    assert rows["register"].endswith("da fonti pubbliche")
    assert max(map(len, told.out.splitlines())) <= 80
    assert "mailbox test" in told.err


@pytest.mark.parametrize("language", ["it", "en"])
@pytest.mark.parametrize("name", names())
def test_each_is_shown_whole(name: str, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--lang", language, "provider", "show", name, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert run(["--lang", language, "provider", "show", name]) == 0
    told = capsys.readouterr().out
    prose = " ".join(told.split())
    assert max(map(len, told.splitlines())) <= 80
    for said in (facts["title"], facts["source"], facts["note"], facts["sent_folder"]):
        assert said is None or said in prose
    for server in (facts["smtp"], facts["imap"]):
        assert server is None or (server["host"] in prose and str(server["port"]) in prose)
    assert facts["agreement"] == (name == "legalmail")
    assert facts["password_days"] == {"aruba": 90, "postel": 90}.get(name)


def test_an_unknown_provider_is_answered_with_those_that_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--lang", "it", "provider", "show", "gmial"]) == 2
    told = capsys.readouterr().err
    assert "'gmial'" in told
    assert all(name in told for name in names())
