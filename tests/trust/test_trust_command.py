"""`pec-tracker trust` and `seal` as a user runs them."""

import base64
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pec_tracker import anchors, texts
from pec_tracker.sandbox.ca import Authority
from tests.cli.desk import Desk
from tests.factory import ca, receipts
from tests.servers.tsa import TimeStampAuthority


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk that trusts nobody's root; the provider's root lies beside as provider.pem."""
    monkeypatch.setenv("DESK_PASSWORD", "secret")
    made = Desk(tmp_path, capsys, root_pem=ca.root({"common_name": "Radice di nessuno"}, key="nobody").pem)
    made.configure()
    (tmp_path / "provider.pem").write_bytes(receipts.root_authority().pem)
    yield made
    texts.activate("en")


def test_the_default_anchors_are_listed_with_what_they_are_good_for(desk: Desk) -> None:
    listed = {one["name"]: one for one in desk.run("trust", "list", "--json").records}
    actalis = listed["Actalis Authentication Root CA"]
    assert (actalis["use"], actalis["authorities"]) == ("pec-authorities", ["AgID CA1"])
    assert actalis["source"]
    assert listed["Radice di nessuno"]["use"] == "authority"
    said = desk.run("trust", "list").words
    assert "only through the authorities of PEC: AgID CA1" in said
    assert "root.pem" in said


def test_receipts_become_proof_by_two_commands(desk: Desk, tmp_path: Path) -> None:
    mails = [
        desk.mail("a.eml", receipts.receipt("accettazione")),
        desk.mail("b.eml", receipts.receipt("avvenuta-consegna", original=receipts.original())),
    ]
    assert desk.run("import", "--mailbox", "studio", *mails).status == 1
    added = desk.run("trust", "add", tmp_path / "provider.pem", "--reason", "manual of the provider")
    assert added.status == 0
    assert "Radice di prova" in added.out
    assert "trust recheck" in added.err
    rechecked = desk.run("trust", "recheck")
    assert rechecked.status == 0
    assert "intact, signer not trusted -> trusted" in rechecked.words
    (message,) = desk.run("find", "--json").records
    assert [one["state"] for one in message["recipients"]] == ["delivered"]
    shown = desk.run("trust", "show", "Radice di prova").out
    assert "manual of the provider" in shown
    assert "provider.pem" in shown
    assert desk.run("check").status == 0


def test_it_speaks_italian(desk: Desk, tmp_path: Path) -> None:
    desk.run("trust", "add", tmp_path / "provider.pem", "--reason", "manuale")
    said = desk.run("trust", "list", language="it").words
    assert "autorità" in said
    assert "authority" not in said.replace("Authority", "")


def test_an_update_says_what_changed(desk: Desk, tmp_path: Path) -> None:
    def listing(*identities: ca.Identity) -> Path:
        entries = (
            f"dn: o=postacert\nproviderCertificate:: {base64.b64encode(one.der).decode()}\n" for one in identities
        )
        file = tmp_path / "igpec.ldif"
        file.write_text("version: 1\n" + "\n".join(entries))
        return file

    old, new = (ca.root({"common_name": name}, key=name) for name in ("old", "new"))
    desk.run("trust", "update", listing(old))
    changed = desk.run("trust", "update", listing(new), "--json").record
    assert [one["name"] for one in changed["added"]] == ["new"]
    assert [one["name"] for one in changed["unlisted"]] == ["old"]
    assert "igpec.ldif" in changed["added"][0]["reason"]
    replaced = desk.run("trust", "update", listing(new), "--replace")
    assert "withdrawn" in replaced.out


@pytest.mark.parametrize("verb", ["add", "update"])
def test_a_public_root_is_added_only_by_who_asks_for_one(desk: Desk, tmp_path: Path, verb: str) -> None:
    (actalis,) = [one for one in anchors.default(date(2026, 11, 1)).anchors if b"Actalis" in one.der][:1]
    file = tmp_path / "actalis.der"
    file.write_bytes(actalis.der)
    command = ("trust", verb, file, "--reason", "our provider")
    refused = desk.run(*command)
    assert refused.status == 2
    assert "--public-root" in refused.err
    assert "Actalis Authentication Root CA" in refused.words
    assert [one["name"] for one in desk.run("trust", "list", "--json").records if one["kept"]] == []
    assert desk.run(*command, "--public-root").status == 0
    (kept,) = [one for one in desk.run("trust", "list", "--json").records if one["kept"]]
    assert (kept["name"], kept["use"]) == ("Actalis Authentication Root CA", "authority")


def test_a_trusted_sandbox_is_said_to_be_one(desk: Desk, tmp_path: Path) -> None:
    sandbox = Authority(tmp_path / "sandbox").ca_file
    assert "good for tests only" in desk.run("trust", "add", sandbox, "--reason", "trial").err
    listed = desk.run("trust", "list")
    assert "proves nothing" in listed.words
    assert "A sandbox is trusted here" in listed.err


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["show", "nobody at all"], 1),
        (["add", "config.toml", "--reason", "x"], 2),
        (["add", "not-there.pem", "--reason", "x"], 2),
    ],
)
def test_what_cannot_be_is_said(desk: Desk, tmp_path: Path, arguments: list[str], status: int) -> None:
    arguments = [str(tmp_path / one) if one.endswith((".toml", ".pem")) else one for one in arguments]
    ran = desk.run("trust", *arguments)
    assert ran.status == status
    assert ran.err


def test_seals_are_stamped_and_checked(desk: Desk, tmp_path: Path) -> None:
    mail = desk.mail("a.eml", receipts.receipt("accettazione"))
    with TimeStampAuthority() as tsa:
        (tmp_path / "tsa.pem").write_bytes(tsa.root.read_bytes())
        down = '{ name = "down", url = "http://127.0.0.1:9/tsr", ca_file = "tsa.pem" }'
        up = f'{{ name = "up", url = "{tsa.url}", ca_file = "tsa.pem" }}'
        desk.configure(f"stamps.authorities = [{down}, {up}]\n")
        desk.run("import", mail)
        before = desk.run("check")
        assert "Nothing dates the ledger from outside" in before.words
        sealed = desk.run("seal", "--stamp")
        assert sealed.status == 0
        assert "down gave no time-stamp" in sealed.err
        assert "is time-stamped." in sealed.out
        checked = desk.run("check")
    assert checked.status == 0
    assert "Dated from outside up to seal" in checked.words
    assert "our own word alone" in checked.words
    (witness,) = desk.run("check", "--json").record["witnesses"]
    assert (witness["kind"], witness["source"]) == ("rfc3161", "Marche di prova")
    newest = sorted((tmp_path / "data" / "archive" / "ledger").glob("*.seal"))[-1]
    newest.chmod(0o600)
    newest.write_bytes(newest.read_bytes().replace(b"0", b"1", 1))
    spoilt = desk.run("check")
    assert spoilt.status == 1
    assert "stamp-mismatch" in spoilt.out


def test_no_authority_answering_is_a_finding(desk: Desk) -> None:
    desk.run("import", desk.mail("a.eml", receipts.receipt("accettazione")))
    assert desk.run("seal").status == 0
    ran = desk.run("seal", "--stamp")
    assert ran.status == 1
    assert "No time-stamp authority is configured" in ran.err
