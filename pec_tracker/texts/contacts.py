"""What do we call what the address book knows? A word for each token and field, a sentence for each problem."""

from collections.abc import Mapping
from typing import Final

from pec_tracker.texts.language import N_

KINDS: Final[Mapping[str, str]] = {"natural": N_("natural person"), "legal": N_("legal person")}

TITLES: Final[Mapping[str, str]] = {
    "owner": N_("owner"),
    "co-owner": N_("co-owner"),
    "usufruct": N_("usufructuary"),
    "bare-owner": N_("bare owner"),
    "tenant": N_("tenant"),
    "representative": N_("representative"),
}

REGISTERS: Final[Mapping[str, str]] = {
    "ini-pec": "INI-PEC",
    "inad": "INAD",
    "ipa": "IPA",
    "reginde": "ReGIndE",
    "registro-imprese": "Registro Imprese",
    "pp-aa": "PP.AA.",
    "elected": N_("elected domicile"),
    "given": N_("given by the person"),
}

# What a column of a list says; an export has these heads, and an import knows them.
FIELDS: Final[Mapping[str, str]] = {
    "contact": N_("Contact"),
    "condominium": N_("Condominium"),
    "unit": N_("Unit"),
    "staircase": N_("Staircase"),
    "name": N_("Full name"),
    "surname": N_("Surname"),
    "first-name": N_("First name"),
    "kind": N_("Kind of person"),
    "title": N_("Title"),
    "share": N_("Share"),
    "tax-code": N_("Tax code"),
    "vat-number": N_("VAT number"),
    "pec": "PEC",
    "register": N_("Register"),
    "looked-up-on": N_("Looked up on"),
    "mail": N_("E-mail"),
    "street": N_("Address"),
    "cap": "CAP",
    "town": N_("Town"),
    "province": N_("Province"),
    "country": N_("Country"),
    "since": N_("Valid from"),
    "until": N_("Valid until"),
    "notes": N_("Notes"),
    "entitlement": N_("entitlement"),
}

PROBLEMS: Final[Mapping[str, str]] = {
    "no-name": N_("the name is missing"),
    "no-unit": N_("the unit is missing; where it is that of the row above, write it again"),
    "no-condominium": N_("the condominium is missing"),
    "another-condominium": N_("the row is of another condominium"),
    "too-long": N_("a cell is too long"),
    "formula-error": N_("a formula came to an error"),
    "bad-pec": N_("the PEC address is not valid: one address alone, with its @"),
    "bad-mail": N_("the e-mail address is not valid: one address alone, with its @"),
    "bad-title": N_("the title is not known: owner, co-owner, usufructuary, bare owner, tenant, representative"),
    "bad-register": N_(
        "the register is not known: INI-PEC, INAD, IPA, ReGIndE, Registro Imprese, PP.AA., elected, given"
    ),
    "bad-kind": N_("the kind of person is not known: natural, legal"),
    "bad-share": N_("the share is neither a fraction (1/2) nor a percentage (50%)"),
    "bad-day": N_("this is not a day; write 2026-11-23 or 23/11/2026"),
    "bad-contact": N_("this is no contact's key"),
    "ends-before": N_("the title ends before it begins"),
    "ambiguous": N_("there are namesakes, and nothing tells which is meant: add the tax code, or the same address"),
    "contradicts": N_("two rows say different things of the same person"),
    "another-tax-code": N_("the book has this owner with another tax code: is it a correction, or somebody else?"),
    "another-persons": N_("the tax code is another contact's"),
    "another-name": N_("the book has quite another name with this tax code; if it is right, contacts edit --name"),
    "ended": N_("the book says that this title has ended; where it begins anew, write from when"),
    "tax-code": N_("the tax code's check character is wrong"),
    "vat-number": N_("the VAT number's check digit is wrong"),
    "no-pec-domain": N_("this domain carries no PEC"),
    "bad-cap": N_("the CAP has not five digits"),
    "namesake": N_("a namesake is in the book already, and is taken for somebody else"),
    "renamed": N_("same tax code, another name than in the book"),
    "other-title": N_("the book has this person with another title for the unit; both stay"),
    "not-in-file": N_("in the book, and not in the file: they stay"),
}
