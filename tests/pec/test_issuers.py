"""Whose receipt is it? Providers write their own name in several ways, and another's must not pass for it."""

import pytest

from pec_tracker.pec.evidence import Evidence, Signer, Verdict
from pec_tracker.pec.issuers import fits_identifier, issuer_of, names_another_provider, same_issuer
from pec_tracker.pec.standard import Kind


def signer(address: str | None, organization: str | None) -> Signer:
    return Signer(address, organization, None)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (signer("posta-certificata@pec.aruba.it", "ArubaPEC S.p.A."), signer("a@PEC.aruba.it", "X"), True),
        (signer("a@pec.aruba.it", "Aruba PEC S.p.A."), signer("a@altro.it", "ARUBA PEC SPA"), True),
        (signer("a@pec.aruba.it", "Società per Azioni Uno"), signer("a@altro.it", "Uno"), True),
        (signer("a@pec.aruba.it", "Aruba PEC S.p.A."), signer("a@legalmail.it", "InfoCert S.p.A."), False),
        (signer("a@pec.aruba.it", None), signer("a@legalmail.it", None), False),
        (signer("a@pec.aruba.it", None), signer(None, "Aruba"), None),
        (signer(None, None), signer("a@pec.aruba.it", "Aruba"), None),
        (signer("a@pec.aruba.it", "S.p.A."), signer("a@altro.it", "S.r.l."), False),
        (None, signer("a@pec.aruba.it", "Aruba"), None),
        (signer("uno@", "Uno"), signer("due@", "Due"), False),
        (signer("uno@", None), signer("due@", None), None),
        (signer("a@uno.it", "Perché no"), signer("a@due.it", "PERCHE' NO"), True),
    ],
)  # fmt: skip
def test_two_signers_are_one_provider_by_domain_or_by_name(one: Signer, other: Signer, same: bool | None) -> None:
    assert same_issuer(one, other) is same
    assert same_issuer(other, one) is same


def evidence(provider: str | None, organization: str | None, **facts: str | None) -> Evidence:
    signed = signer(facts.pop("address", "posta-certificata@pec.aruba.it"), organization)
    return Evidence("a", Kind.ACCEPTANCE, Verdict.TRUSTED, provider=provider, signer=signed, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("provider", "organization", "another"),
    [
        ("ARUBA PEC S.p.A.", "ArubaPEC S.p.A.", False),
        ("Aruba", "Aruba PEC S.p.A.", False),
        ("Aruba PEC Gestore", "Aruba PEC", False),
        ("InfoCert S.p.A.", "ArubaPEC S.p.A.", True),
        (None, "ArubaPEC S.p.A.", False),
        ("InfoCert S.p.A.", None, False),
        ("S.p.A.", "ArubaPEC S.p.A.", False),
        ("InfoCert", "S.p.A.", False),
    ],
)
def test_another_name_than_the_certificates_is_noticed(
    provider: str | None, organization: str | None, another: bool
) -> None:
    assert names_another_provider(evidence(provider, organization)) is another


def test_without_a_signer_no_name_is_another() -> None:
    assert not names_another_provider(Evidence("a", Kind.ACCEPTANCE, Verdict.TRUSTED, provider="InfoCert"))
    assert issuer_of(None) == (None, None)


@pytest.mark.parametrize(
    ("identifier", "address", "fits"),
    [
        ("opec1.2026@pec.aruba.it", "posta-certificata@pec.aruba.it", True),
        ("opec1.2026@mx1.pec.aruba.it", "posta-certificata@pec.aruba.it", True),
        ("opec1.2026@aruba.it", "posta-certificata@pec.aruba.it", True),
        ("opec1.2026@xpec.aruba.it", "posta-certificata@pec.aruba.it", False),
        ("opec1.2026@uba.it", "posta-certificata@pec.aruba.it", False),
        ("opec1.2026", "posta-certificata@pec.aruba.it", False),
        ("opec1.2026@pec.aruba.it", None, False),
        (None, "posta-certificata@pec.aruba.it", False),
    ],
)
def test_an_identifier_lies_in_its_providers_domain(identifier: str | None, address: str | None, fits: bool) -> None:
    assert fits_identifier(evidence(None, None, identifier=identifier, address=address)) is fits
