"""A forged receipt moves no journey, and the command line says why: four ways to forge one, beside a genuine one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pec_tracker import texts
from tests.cli.desk import Desk, Ran
from tests.factory import ca, cms, receipts

ORIGINAL = receipts.original()
ACCEPTANCE = receipts.receipt("accettazione")


def self_made_authority() -> bytes:
    """Signed by an authority that somebody made for himself, with the provider's very names."""
    root = ca.root(key="forger-root")
    authority = ca.pec_ca(
        root, {"country": "IT", "organization": "Prova", "common_name": "PEC CA di prova"}, key="forger"
    )
    signer = cms.Signer(ca.provider(authority, key="forger-leaf"), signed_at=receipts.ISSUED_AT)
    return receipts.receipt(
        "avvenuta-consegna", original=ORIGINAL, signers=(signer,), certificates=(signer.identity.der, authority.der)
    )


def swapped_daticert() -> bytes:
    """The provider's genuine signature of another receipt, over other certification data."""
    taken: list[bytes] = []

    def keep(content: bytes) -> bytes:
        identity = receipts.provider_identity()
        signer = cms.Signer(identity, signed_at=receipts.ISSUED_AT)
        taken.append(cms.sign(content, signer, certificates=(identity.der, receipts.pec_authority().der)))
        return taken[0]

    receipts.receipt("preavviso-errore-consegna", signature=keep)
    return receipts.receipt("avvenuta-consegna", original=ORIGINAL, signature=taken[0])


def nested() -> bytes:
    """A genuine envelope, that a stranger sent us, around a self-made receipt."""
    return receipts.receipt(
        "posta-certificata",
        sender="stranger@pec.example",
        recipients=[receipts.SENDER],
        reference="stranger.1@pec.example",
        identifier="stranger.1@pec.example",
        original=self_made_authority(),
    )


def plain_mail() -> bytes:
    """A plain mail that carries a receipt's headers and words."""
    return receipts.original(
        sender=ca.ADDRESS,
        to=[receipts.SENDER],
        subject="CONSEGNA: Prova",
        reference="plain.1@mail.example",
        headers=("X-Ricevuta: avvenuta-consegna", f"X-Riferimento-Message-ID: <{receipts.REFERENCE}>"),
    )


FORGERIES: list[tuple[Callable[[], bytes], str, str]] = [
    (self_made_authority, "intact, signer not trusted", "no chain to a trusted authority"),
    (swapped_daticert, "altered", "the content is not what was signed"),
    (nested, "trusted", "the enclosed original claims to be a receipt"),
    (plain_mail, "no signature", "PEC headers on an unsigned mail: a forgery, or a wrapped PEC"),
]


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("DESK_PASSWORD", "secret")
    made = Desk(tmp_path, capsys)
    made.configure()
    yield made
    texts.activate("en")


def imported(desk: Desk, *mails: bytes) -> Ran:
    files = [desk.mail(f"{number}.eml", raw) for number, raw in enumerate(mails)]
    return desk.run("import", "--mailbox", "studio", *files)


def state(desk: Desk) -> str:
    (message,) = desk.run("find", "--json").records
    (recipient,) = message["recipients"]
    return str(recipient["state"])


@pytest.mark.parametrize(("forge", "verdict", "reason"), FORGERIES)
def test_a_forged_delivery_moves_nothing_and_is_shown_with_its_reason(
    desk: Desk, forge: Callable[[], bytes], verdict: str, reason: str
) -> None:
    ran = imported(desk, ACCEPTANCE, forge())
    assert verdict in ran.words
    assert state(desk) == "accepted"
    (message,) = desk.run("find", "--json").records
    shown = desk.run("show", message["key"])
    assert reason in shown.words
    assert "accepted" in shown.words
    forged = [one for one in desk.run("show", message["key"], "--json").record["evidence"] if not one["counts"]]
    assert len(forged) == 1
    status = desk.run("status")
    assert status.status == 1
    assert "no proof" in status.words


@pytest.mark.parametrize(("forge", "verdict", "reason"), FORGERIES)
def test_a_genuine_delivery_beside_the_forgery_moves_it(
    desk: Desk, forge: Callable[[], bytes], verdict: str, reason: str
) -> None:
    assert verdict
    imported(desk, forge(), ACCEPTANCE, receipts.receipt("avvenuta-consegna", original=ORIGINAL))
    assert state(desk) == "delivered"
    (message,) = desk.run("find", "--json").records
    shown = desk.run("show", message["key"]).words
    assert reason in shown
    assert f"proof: {receipts.PROVIDER}" in shown
