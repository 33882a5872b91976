"""What a user would lose: to know whom the house trusts, since when, and who decided it."""

import base64
import json
from datetime import date
from pathlib import Path

import pytest

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.errors import ConfigurationError, NotFoundError, UsageError
from pec_tracker.ledger.segments import (
    read_segments,
)
from pec_tracker.sandbox.ca import Authority
from pec_tracker.service.house import House
from pec_tracker.service.trust import anchors as trust
from pec_tracker.service.trust.folder import kept
from tests.factory import ca, receipts
from tests.trust.houses import NOW, acts, again, given, root_file


def ldif(folder: Path, *identities: ca.Identity, name: str = "igpec.ldif") -> Path:
    """A provider directory as RFC 6109 4.5 writes it."""
    entries = [
        f"dn: providerName={number},o=postacert\nproviderName: {number}\n"
        f"providerCertificate;binary:: {base64.b64encode(one.der).decode()}\n"
        for number, one in enumerate(identities)
    ]
    file = folder / name
    file.write_text("version: 1\n" + "\n".join(entries))
    return file


def test_an_added_anchor_keeps_source_date_and_reason(house: House, tmp_path: Path) -> None:
    changed = trust.add(OPERATOR, house, given(root_file(tmp_path)), reason="from the provider's manual")
    (one,) = changed.added
    (shown,) = trust.shown(OPERATOR, again(house), now=NOW)
    assert shown == one
    assert (one.source, one.reason, one.since) == ("root.pem", "from the provider's manual", date(2026, 11, 23))
    assert (one.use, one.kept, one.valid_now) == ("authority", True, True)


def test_adding_it_again_changes_nothing(house: House, tmp_path: Path) -> None:
    file = root_file(tmp_path)
    trust.add(OPERATOR, house, given(file), reason="first")
    changed = trust.add(OPERATOR, again(house), given(file), reason="second")
    assert (changed.added, len(changed.known)) == ((), 1)
    assert changed.known[0].reason == "first"
    assert acts(house.engine).count("trust.added") == 1


def test_the_ledger_names_hashes_and_the_record_the_reason(house: House, tmp_path: Path) -> None:
    trust.add(OPERATOR, house, given(root_file(tmp_path)), reason="said Mario Rossi")
    lines = [line for segment in read_segments(house.archive.ledger) for line in segment.lines]
    (line,) = [line for line in lines if line.act == "trust.added"]
    assert "Rossi" not in json.dumps(dict(line.facts))
    record = house.archive.get(str(line.facts["record"]), Suffix.RECORD)
    assert b"said Mario Rossi" in record
    names = line.facts["certificates"]
    assert isinstance(names, list)
    assert house.archive.get(str(names[0]), Suffix.CERTIFICATE) == receipts.root_authority().der


def test_without_a_reason_nothing_is_added(house: House, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        trust.add(OPERATOR, house, given(root_file(tmp_path)), reason=" ")
    assert kept(tmp_path / "trust").anchors == ()


def test_an_update_extends_and_names_what_is_no_longer_listed(house: House, tmp_path: Path) -> None:
    old, both, new = (ca.root({"common_name": name}, key=name) for name in ("old", "both", "new"))
    trust.update(OPERATOR, house, given(ldif(tmp_path, old, both)), reason="May")
    changed = trust.update(OPERATOR, again(house), given(ldif(tmp_path, both, new)), reason="November")
    assert [one.name for one in changed.added] == ["new"]
    assert [one.name for one in changed.known] == ["both"]
    assert [one.name for one in changed.unlisted] == ["old"]
    assert changed.withdrawn == ()
    assert {one.name for one in trust.shown(OPERATOR, again(house), now=NOW)} == {"old", "both", "new"}


def test_an_update_that_replaces_withdraws_only_what_came_by_a_list(house: House, tmp_path: Path) -> None:
    old, new = (ca.root({"common_name": name}, key=name) for name in ("old", "new"))
    trust.add(OPERATOR, house, given(root_file(tmp_path)), reason="by hand")
    trust.update(OPERATOR, again(house), given(ldif(tmp_path, old)), reason="May")
    changed = trust.update(OPERATOR, again(house), given(ldif(tmp_path, new)), reason="correction", replacing=True)
    assert [one.name for one in changed.withdrawn] == ["old"]
    assert {one.name for one in trust.shown(OPERATOR, again(house), now=NOW)} == {"new", "Radice di prova"}
    assert "trust.withdrawn" in acts(house.engine)


def test_a_providers_own_certificate_is_shown_as_one_signer(house: House, tmp_path: Path) -> None:
    changed = trust.update(OPERATOR, house, given(ldif(tmp_path, receipts.provider_identity())), reason="directory")
    assert (changed.added[0].use, changed.added[0].addresses) == ("signer", (ca.ADDRESS,))


def test_a_sandbox_is_shown_as_what_it_is(house: House, tmp_path: Path) -> None:
    sandbox = Authority(tmp_path / "sandbox")
    changed = trust.add(OPERATOR, house, given(sandbox.ca_file), reason="trying it out")
    assert changed.added[0].use == "sandbox"


def test_an_anchor_is_found_by_fingerprint_and_by_name(house: House, tmp_path: Path) -> None:
    (one,) = trust.add(OPERATOR, house, given(root_file(tmp_path)), reason="manual").added
    known = again(house)
    pairs = ":".join(one.fingerprint[at : at + 2].upper() for at in range(0, 64, 2))
    for name in (one.fingerprint[:8], pairs, "radice di"):
        assert trust.named(OPERATOR, known, name, now=NOW) == [one]
    with pytest.raises(NotFoundError):
        trust.named(OPERATOR, known, "nobody", now=NOW)


@pytest.mark.parametrize("suffix", [".der", ".json"])
def test_an_anchor_that_somebody_changed_is_not_used(house: House, tmp_path: Path, suffix: str) -> None:
    trust.add(OPERATOR, house, given(root_file(tmp_path)), reason="manual")
    (file,) = (tmp_path / "trust").glob(f"*{suffix}")
    file.chmod(0o600)
    file.write_bytes(ca.root({"common_name": "planted"}, key="planted").der)
    with pytest.raises(ConfigurationError):
        again(house)


def test_revocation_lists_among_the_files_are_kept_and_used(house: House, tmp_path: Path) -> None:
    crl = ca.revocation_list(receipts.root_authority(), this_update=NOW, next_update=NOW)
    (tmp_path / "list.crl").write_bytes(crl)
    changed = trust.add(OPERATOR, house, given(root_file(tmp_path), tmp_path / "list.crl"), reason="manual")
    assert changed.answers == 1
    assert again(house).trust.crls == (crl,)
    assert acts(house.engine).count("revocation.kept") == 1
