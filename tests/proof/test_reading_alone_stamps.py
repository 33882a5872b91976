"""The verifier that stands alone reads time-stamps (RFC 3161) over a seal: whole responses and bare tokens."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pec_tracker.render import verify_package as alone
from pec_tracker.render.verify_package import Openssl, Seal, Stamp
from tests.factory import receipts
from tests.servers.tsa import TimeStampAuthority

SEALED = b"# previous none\n"
SEAL = Seal("ledger/00000001.seal", 1, {}, datetime(1970, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def authority() -> Iterator[TimeStampAuthority]:
    with TimeStampAuthority() as running:
        yield running


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Openssl:
    return Openssl(tmp_path_factory.mktemp("openssl"))


@pytest.fixture(scope="module")
def response(authority: TimeStampAuthority, tool: Openssl) -> bytes:
    """A whole response over the seal."""
    tool.file("asked", SEALED)
    tool.run("ts", "-query", "-data", "asked", "-sha256", "-cert", "-out", "query")
    return authority.reply((tool.folder / "query").read_bytes())


def stamp(tool: Openssl, tsr: bytes, roots: Path | str, seal: bytes = SEALED) -> Stamp:
    return alone.token_stamp(tool, {"ledger/00000001.tsr": tsr, SEAL.member: seal}, SEAL, str(roots))


def test_response_and_its_token_alone_date_the_seal(
    tool: Openssl, authority: TimeStampAuthority, response: bytes, tmp_path: Path
) -> None:
    (tmp_path / "whole").write_bytes(response)
    subprocess.run(
        ["openssl", "ts", "-reply", "-in", "whole", "-token_out", "-out", "token"], cwd=tmp_path, check=True,
        capture_output=True,
    )  # fmt: skip
    for tsr in (response, (tmp_path / "token").read_bytes()):
        (tool.folder / "bare").unlink(missing_ok=True)
        found = stamp(tool, tsr, authority.root)
        assert (found.member, found.wrong, found.unknown) == ("ledger/00000001.tsr", "", "")
        assert found.at is not None
        assert found.at.tzinfo is UTC
        assert abs(datetime.now(UTC) - found.at) < timedelta(minutes=5)


def test_token_over_another_seal_or_no_token_is_wrong(
    tool: Openssl, authority: TimeStampAuthority, response: bytes
) -> None:
    other = stamp(tool, response, authority.root, b"another")
    assert (other.at, other.wrong, other.unknown) == (None, "is no time-stamp over the seal beside it that holds", "")
    for junk in (b"", b"junk", response[:-1]):
        none = stamp(tool, junk, authority.root)
        assert (none.at, none.wrong, none.unknown) == (None, "is no time-stamp", "")


def test_token_of_an_authority_that_is_not_known_is_not_verified(
    tool: Openssl, response: bytes, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(receipts.root_authority().pem)
    found = stamp(tool, response, other)
    assert (found.at, found.wrong) == (None, "")
    assert found.unknown.startswith("its chain leads to no time-stamp authority that is known here")
