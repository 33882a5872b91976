"""What does the address book know of a person, in tokens? One home for them: tables, files and words go by these."""

from enum import StrEnum


class PersonKind(StrEnum):
    """Who a person is in law."""

    NATURAL = "natural"
    LEGAL = "legal"


class Register(StrEnum):
    """Where a PEC address comes from. A notification states it (L. 53/1994 art. 3-bis(5))."""

    INI_PEC = "ini-pec"  # CAD art. 6-bis: businesses and professionals
    INAD = "inad"  # CAD art. 6-quater: natural persons, and bodies in no other register
    IPA = "ipa"  # CAD art. 6-ter: public bodies
    REGINDE = "reginde"  # DM 44/2011 art. 7: the register of the Ministry of Justice
    BUSINESSES = "registro-imprese"
    PUBLIC_BODIES = "pp-aa"  # DL 179/2012 art. 16(12)
    ELECTED = "elected"  # the person elected it as domicile, in a deed or before a judge
    GIVEN = "given"  # the person said so


class Title(StrEnum):
    """By which right a person is entitled to a unit of a condominium."""

    OWNER = "owner"
    CO_OWNER = "co-owner"
    USUFRUCT = "usufruct"
    BARE_OWNER = "bare-owner"
    TENANT = "tenant"
    REPRESENTATIVE = "representative"


class AddressKind(StrEnum):
    """What sort of mail an address takes."""

    PEC = "pec"
    MAIL = "mail"  # an ordinary mailbox
