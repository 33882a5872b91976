"""Could two readers of a daticert.xml understand it differently? What RFC 6109 4.4 allows once must stand once.

The reader is tolerant: stray text, unknown elements and missing ones stop nothing. But where one reader takes the first
of two elements and another the last, where one looks at namespaces and another does not, what is certified is a guess.
Each such departure is a fault: the mail is kept and shown, and it does not count.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from lxml import etree

# Where each element stands: the path of local names from the root.
_PLACES: Final = {
    "intestazione": (),
    "dati": (),
    "mittente": ("intestazione",),
    "destinatari": ("intestazione",),
    "risposte": ("intestazione",),
    "oggetto": ("intestazione",),
    "gestore-emittente": ("dati",),
    "data": ("dati",),
    "giorno": ("dati", "data"),
    "ora": ("dati", "data"),
    "identificativo": ("dati",),
    "msgid": ("dati",),
    "ricevuta": ("dati",),
    "consegna": ("dati",),
    "ricezione": ("dati",),
    "errore-esteso": ("dati",),
    "postacert": None,  # the root alone
}
_REPEATED: Final = frozenset({"destinatari", "ricezione"})
# Who, to whom, when, about what: text alone. A subject may hold an element that a provider forgot to escape.
_DECIDING: Final = frozenset(
    {
        "mittente",
        "destinatari",
        "gestore-emittente",
        "giorno",
        "ora",
        "identificativo",
        "msgid",
        "consegna",
        "ricezione",
    }
)
_ATTRIBUTES: Final = frozenset({"tipo", "errore", "zona"})


def local_name(element: "etree._Element") -> str:
    """The element's name without its namespace."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def faults(root: "etree._Element") -> Iterator[str]:
    """Stable names of what makes the certification data ambiguous."""
    if _is_named_apart(root):
        yield "daticert-namespace"
    seen: Counter[str] = Counter()
    for element, path in _elements(root):
        name = local_name(element)
        if name not in _PLACES:
            continue
        if _is_named_apart(element):
            yield "daticert-namespace"
        if _PLACES[name] != path:
            yield "daticert-misplaced-element"
        elif len(element) and name in _DECIDING:
            yield "daticert-nested-element"
        seen[name] += 1
    if any(count > 1 and name not in _REPEATED for name, count in seen.items()):
        yield "daticert-duplicate-element"
    if _types_differ(root):
        yield "daticert-recipient-of-two-types"


def deciding_texts(root: "etree._Element") -> Iterator[str]:
    """The texts that say who, to whom, when and about what."""
    yield root.get("tipo") or ""
    for element, _path in _elements(root):
        if local_name(element) in _DECIDING:
            yield "".join(map(str, element.itertext()))


def _elements(root: "etree._Element") -> Iterator[tuple["etree._Element", tuple[str, ...]]]:
    """Every element below the root, with the local names above it, root left out."""
    waiting: list[tuple[etree._Element, tuple[str, ...]]] = [(root, ())]
    while waiting:
        parent, path = waiting.pop()
        for child in parent:
            yield child, path
            if len(child):
                # Deeper than any element stands, where it is exactly no longer matters.
                waiting.append((child, (*path, local_name(child))[:4]))


def _is_named_apart(element: "etree._Element") -> bool:
    """In a namespace itself, or with one of the grammar's attributes in one."""
    tag = element.tag
    qualified = isinstance(tag, str) and tag.startswith("{")
    return qualified or any(
        str(name).startswith("{") and str(name).rpartition("}")[2] in _ATTRIBUTES for name in element.attrib
    )


def _types_differ(root: "etree._Element") -> bool:
    """Whether one address is listed as certified and as external: which of them it is would be a guess."""
    types: dict[str, set[str]] = {}
    for element, _path in _elements(root):
        if local_name(element) == "destinatari":
            address = "".join(map(str, element.itertext())).strip().lower()
            types.setdefault(address, set()).add((element.get("tipo") or "certificato").strip())
    return any(len(found) > 1 for found in types.values())
