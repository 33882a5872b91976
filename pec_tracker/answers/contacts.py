"""What is answered about the address book? Contacts with what receipts taught of them, and what an import comes to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.texts import _, contacts, ngettext, words
from pec_tracker.texts.times import rome_day, rome_second

if TYPE_CHECKING:
    from pec_tracker.service.contacts.book import Person, Place, Right
    from pec_tracker.service.contacts.edit import Edited, Removed
    from pec_tracker.service.contacts.entries import Finding
    from pec_tracker.service.contacts.export import ExportRow
    from pec_tracker.service.contacts.outcomes import Outcome
    from pec_tracker.service.contacts.people import AddressThen, CondominiumShown, Contact, Listed, Shown

TITLE_WORDS: Final = contacts.TITLES
REGISTER_WORDS: Final = contacts.REGISTERS
KIND_WORDS: Final = contacts.KINDS
KEY_SHOWN: Final = 8

# The columns of an export, by the names of `service.contacts.columns.Field`.
EXPORTED: Final = (
    "contact", "condominium", "unit", "staircase", "name", "kind", "title", "share", "tax-code", "vat-number", "pec",
    "register", "looked-up-on", "mail", "street", "cap", "town", "province", "country", "since", "until", "notes",
)  # fmt: skip


# --- one contact ---


def contact_facts(contact: "Contact") -> dict[str, Any]:
    """A contact as a JSON object (contract of `contacts list` and `show`)."""
    person = contact.person
    return {
        **person_facts(person),
        "pec_outcome": _outcome_facts(contact.outcome(person.pec)),
        "mail_outcome": _outcome_facts(contact.outcome(person.mail)),
        "entitlements": list(map(_right_facts, contact.rights)),
    }


def person_facts(person: "Person") -> dict[str, Any]:
    """A person as the book has it."""
    return {
        "key": person.key,
        "name": person.name,
        "kind": person.kind,
        "tax_code": person.tax_code,
        "tax_code_holds": None if person.tax_code is None else person.tax_key is not None,
        "vat_number": person.vat_number,
        "pec": person.pec,
        "register": person.register,
        "looked_up_on": person.looked_up_on,
        "mail": person.mail,
        "street": person.street,
        "cap": person.cap,
        "town": person.town,
        "province": person.province,
        "country": person.country,
        "notes": person.notes,
    }


def _outcome_facts(outcome: "Outcome | None") -> dict[str, Any] | None:
    if outcome is None:
        return None
    return {
        "delivered_at": outcome.delivered_at,
        "unknown_at": outcome.unknown_at,
        "messages": outcome.messages,
        "unknown": outcome.unknown,
    }


def _right_facts(right: "Right") -> dict[str, Any]:
    return {
        "condominium": right.place.condominium,
        "unit": right.place.label,
        "staircase": right.place.staircase,
        "title": right.title,
        "share": right.share,
        "since": right.since,
        "until": right.until,
    }


def shown_facts(shown: "Shown") -> dict[str, Any]:
    """A contact with every address there ever was (contract of `contacts show`)."""
    return {**contact_facts(shown.contact), "addresses": [_then_facts(shown, one) for one in shown.addresses]}


def _then_facts(shown: "Shown", one: "AddressThen") -> dict[str, Any]:
    return {
        "kind": one.kind,
        "address": one.address or post_text(one.post),
        "register": one.register,
        "looked_up_on": one.looked_up_on,
        "since": one.since,
        "until": one.until,
        "outcome": _outcome_facts(shown.contact.outcome(one.address)),
    }


def outcome_text(outcome: "Outcome | None") -> str:
    """What receipts taught of an address, in words; empty where nobody wrote to it."""
    if outcome is None:
        return ""
    if outcome.unknown:
        return _("unknown address on {day}").format(day=rome_day(outcome.unknown_at))
    if outcome.delivered_at is not None:
        return _("last delivery on {day}").format(day=rome_day(outcome.delivered_at))
    return _("never delivered to so far")


def place_text(place: "Place", *, within: bool = True) -> str:
    """A unit in words; *within* its condominium."""
    label = _("unit {label}").format(label=place.label) if place.label[:1].isdigit() else place.label
    if place.staircase:
        label = _("{unit}, staircase {staircase}").format(unit=label, staircase=place.staircase)
    return f"{place.condominium}, {label}" if within else label


def right_text(right: "Right") -> str:
    """A right in words: the unit, by which title, for which share, since and until when."""
    told = f"{place_text(right.place)}: {words.word(contacts.TITLES, right.title)}"
    if right.share:
        told += f" {right.share}"
    if right.since:
        told += _(", from {day}").format(day=f"{right.since:%d/%m/%Y}")
    if right.until:
        told += _(", until {day}").format(day=f"{right.until:%d/%m/%Y}")
    return told


def post_text(post: Sequence[str | None]) -> str:
    """A postal address on one line."""
    street, cap, town, province, country = post or (None,) * 5
    place = " ".join(filter(None, (cap, town, f"({province})" if province else None)))
    return ", ".join(filter(None, (street, place, country)))


def origin_text(register: str | None, looked_up_on: Any) -> str:
    """Where a PEC address comes from, and when that was looked up."""
    parts = [words.word(contacts.REGISTERS, register)] if register else []
    if looked_up_on:
        parts.append(_("looked up on {day}").format(day=f"{looked_up_on:%d/%m/%Y}"))
    return ", ".join(parts)


def shown_lines(shown: "Shown") -> list[tuple[str, str]]:
    """A contact in words: label and text."""
    person = shown.contact.person
    code = person.tax_code or ""
    if code and person.tax_key is None:
        code += f" ({_(contacts.PROBLEMS['tax-code'])})"
    lines = [
        (_("Key"), person.key),
        (_("Full name"), f"{person.name} ({words.word(contacts.KINDS, person.kind)})"),
        (_("Tax code"), code),
        (_("VAT number"), person.vat_number or ""),
        ("PEC", _address_text(shown, person.pec, origin_text(person.register, person.looked_up_on))),
        (_("E-mail"), _address_text(shown, person.mail, "")),
        (_("Address"), post_text(person.post)),
        *((_("Title"), right_text(right)) for right in shown.contact.rights),
        (_("Notes"), person.notes or ""),
    ]
    return [(label, text) for label, text in lines if text]


def _address_text(shown: "Shown", address: str | None, origin: str) -> str:
    if address is None:
        return ""
    parts = [part for part in (origin, outcome_text(shown.contact.outcome(address))) if part]
    return f"{address} ({'; '.join(parts)})" if parts else address


def former_table(shown: "Shown") -> tuple[list[str], list[tuple[object, ...]]]:
    """The addresses that hold no more: from when until when the book had them, and what receipts said."""
    columns = [_("Former address"), _("Valid from"), _("Valid until"), _("Known of it")]
    return columns, [
        (
            one.address or post_text(one.post),
            rome_second(one.since),
            rome_second(one.until),
            outcome_text(shown.contact.outcome(one.address)),
        )
        for one in shown.addresses
        if one.until is not None
    ]


def table(listed: "Listed", condominium: str | None) -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a contact; the units of one *condominium* go without its name."""
    columns = [_("Key"), _("Full name"), _("Unit"), "PEC", _("Known of it")]
    return columns, [
        (
            contact.person.key[:KEY_SHOWN],
            contact.person.name,
            "; ".join(_units(contact, within=condominium is None)),
            contact.person.pec or contact.person.mail or "",
            outcome_text(contact.outcome(contact.person.pec or contact.person.mail)),
        )
        for contact in listed.contacts
    ]


def _units(contact: "Contact", *, within: bool) -> list[str]:
    return list(dict.fromkeys(place_text(one.place, within=within) for one in contact.rights if one.until is None))


# --- condominiums ---


def condominium_facts(one: "CondominiumShown") -> dict[str, Any]:
    """A condominium as a JSON object (contract of `contacts condominium`)."""
    return {
        "name": one.name,
        "tax_code": one.tax_code,
        "address": one.address,
        "mailbox": one.mailbox,
        "units": one.units,
        "persons": one.persons,
    }


def condominium_table(found: "Sequence[CondominiumShown]") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a condominium."""
    columns = [_("Condominium"), _("Units"), _("Persons"), _("Mailbox"), _("Tax code"), _("Address")]
    return columns, [(one.name, one.units, one.persons, one.mailbox, one.tax_code, one.address) for one in found]


# --- what was changed by hand ---


def edited_facts(edited: "Edited") -> dict[str, Any]:
    """A contact that was added or changed, as a JSON object (contract of `contacts add` and `edit`)."""
    return {
        **person_facts(edited.person),
        "added": edited.added,
        "fields": edited.fields,
        "findings": [finding_facts(one) for one in edited.findings],
    }


def edited_lines(edited: "Edited") -> Iterator[str]:
    """The same in words."""
    who = f"{edited.person.name} ({edited.person.key[:KEY_SHOWN]})"
    if edited.added:
        yield _("{who} is in the address book now.").format(who=who)
    elif edited.fields:
        fields = ", ".join(_(contacts.FIELDS[one.replace("_", "-")]) for one in edited.fields)
        yield _("{who}: changed: {fields}.").format(who=who, fields=fields)
    else:
        yield _("{who}: nothing changes.").format(who=who)
    for name in edited.doubtful:
        yield _("Look at it: {problem}").format(problem=_(contacts.PROBLEMS[name.replace("_", "-")]))
    for one in edited.findings:
        yield _("Look at it: {problem}").format(problem=_(contacts.PROBLEMS[one.problem]))


def removed_facts(removed: "Removed") -> dict[str, Any]:
    """A contact that was taken out, as a JSON object (contract of `contacts remove`)."""
    return {"key": removed.key, "name": removed.name, "removed": True, "messages": removed.messages}


def removed_text(removed: "Removed") -> str:
    """The same in words."""
    told = _("{name} is no longer in the address book.").format(name=removed.name)
    if removed.messages:
        stay = ngettext(
            "{count} message to this contact stays, with its receipts.",
            "{count} messages to this contact stay, with their receipts.",
            removed.messages,
        )
        told += " " + stay.format(count=removed.messages)
    return told


# --- a file ---


def finding_facts(one: "Finding") -> dict[str, Any]:
    """A finding of an import as a JSON object."""
    return {
        "problem": one.problem.value,
        "text": _(contacts.PROBLEMS[one.problem]),
        "wrong": one.wrong,
        "row": one.row,
        "name": one.name,
        "said": one.said or None,
        "rows": one.rows,
    }


def export_table(rows: "Sequence[ExportRow]") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows of an export; its heads and words are those that an import knows."""
    columns = [_(contacts.FIELDS[name]) for name in EXPORTED]
    return columns, [tuple(_cells(row)[name] for name in EXPORTED) for row in rows]


def _cells(row: "ExportRow") -> Mapping[str, object]:
    person, right = row.person, row.right
    cells: dict[str, object] = {name: getattr(person, name.replace("-", "_"), None) for name in EXPORTED}
    cells |= {
        "contact": person.key,
        "kind": words.word(contacts.KINDS, person.kind),
        "register": words.word(contacts.REGISTERS, person.register) if person.register else None,
    }
    if right is not None:
        cells |= {
            "condominium": right.place.condominium,
            "unit": right.place.label,
            "staircase": right.place.staircase,
            "title": words.word(contacts.TITLES, right.title),
            "share": right.share,
            "since": right.since,
            "until": right.until,
        }
    return cells
