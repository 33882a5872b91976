"""Could two readers of a daticert.xml understand it differently? What RFC 6109 4.4 allows once must stand once.

The reader is tolerant: stray text, unknown elements and missing ones stop nothing. But where one reader takes the first
of two elements and another the last, where one looks at namespaces and another does not, what is certified is a guess.
Each such departure is a fault: the mail is kept and shown, and it does not count.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from lxml import etree

from pec_tracker.pec.standard import TIPO_ALIASES, Errore, ReceiptForm, RecipientType, Tipo

# Where each element stands: the local names from the root, which is left out, down to what holds it.
_PLACES: Final[dict[str, tuple[str, ...] | None]] = {
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
_HOLDERS: Final = frozenset({"intestazione", "dati", "data", "postacert"})  # all others hold text alone
_ADDRESSES: Final = frozenset({"mittente", "destinatari", "consegna"})
_IDS: Final = frozenset({"identificativo", "msgid"})
# Who, to whom, when, about which message.
_DECIDING: Final = frozenset({*_ADDRESSES, *_IDS, "gestore-emittente", "giorno", "ora", "ricezione"})
_ATTRIBUTES: Final = frozenset({"tipo", "errore", "zona"})
_CERTIFIED: Final = RecipientType.CERTIFIED.value
_RECIPIENT_TYPES: Final = frozenset(RecipientType)
_TOKENS: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("postacert", "tipo"): frozenset({*Tipo, *TIPO_ALIASES}),
    ("postacert", "errore"): frozenset(Errore),
    ("destinatari", "tipo"): _RECIPIENT_TYPES,
    ("ricevuta", "tipo"): frozenset(ReceiptForm),
}
_NONE: Final[frozenset[str]] = frozenset()
BLANKS: Final = " \t\r\n"  # what is white space to XML (XML 1.0 2.3); other blanks are letters
_PLAIN_ADDRESS: Final = re.compile(r"[!-+\--:=?-~]+")  # ASCII that is seen, without the separators below
_SEPARATOR: Final = re.compile(r"[ \t\r\n,;<>]")


def local_name(element: "etree._Element") -> str:
    """The element's name without its namespace."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def faults(root: "etree._Element") -> list[str]:
    """Stable names of what makes the certification data ambiguous, some of them more than once."""
    found = [*_of_attributes(root, "postacert")]
    if root.tag != "postacert":
        found.append("daticert-namespace")
    seen: set[str] = set()
    types: dict[str, str] = {}
    for element, path in _elements(root):
        name = str(element.tag)
        leaf = len(element) == 0
        if name == "destinatari" and leaf and path == _PLACES[name] and _is_plain(element):
            # Of these a receipt has as many as its message has recipients.
            if types.setdefault((element.text or "").lower(), _recipient_type(element)) != _recipient_type(element):
                found.append("daticert-recipient-of-two-types")
            continue
        if _PLACES.get(name) != path:
            name = local_name(element).lower()
            if name not in _PLACES:
                continue  # an extension, which no reader of the grammar looks at
            if str(element.tag).startswith("{"):
                found.append("daticert-namespace")
            if name != local_name(element) or _PLACES[name] != path:
                found.append("daticert-misplaced-element")
        if name in _REPEATED and leaf:
            kind = _recipient_type(element)
            if types.setdefault((element.text or "").strip(BLANKS).lower(), kind) != kind:
                found.append("daticert-recipient-of-two-types")
        elif name in seen and name not in _REPEATED:
            found.append("daticert-duplicate-element")
        seen.add(name)
        found += _of_attributes(element, name)
        if name not in _HOLDERS:
            found += _of_text(element, name)
    return found


def deciding_texts(root: "etree._Element") -> Iterator[str]:
    """The texts that say who, to whom, when and about which message."""
    yield root.get("tipo") or ""
    for element, _path in _elements(root):
        if local_name(element) in _DECIDING:
            yield text_of(element)


def text_of(element: "etree._Element") -> str:
    """All text inside, that of elements inside too: an unescaped `<b>` in a subject loses no word."""
    return (element.text or "") if len(element) == 0 else "".join(map(str, element.itertext()))


def is_split(root: "etree._Element") -> bool:
    """Whether a comment or an instruction cuts a text in two, of a document that was read with both kept.

    Some readers take the text before it for the whole.
    """
    for element in root.iter():
        if len(element) and local_name(element) not in _HOLDERS:
            pieces = [element.text, *(child.tail for child in element)]
            if sum(1 for piece in pieces if (piece or "").strip()) > 1:
                return True
    return False


def _recipient_type(element: "etree._Element") -> str:
    return element.get("tipo", _CERTIFIED)


def _is_plain(element: "etree._Element") -> bool:
    """Whether a recipient without anything inside has nothing that any reader could take for something else."""
    attributes = element.keys()
    plain = not attributes or (attributes == ["tipo"] and element.get("tipo") in _RECIPIENT_TYPES)
    return plain and _PLAIN_ADDRESS.fullmatch(element.text or "") is not None


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


def _of_attributes(element: "etree._Element", name: str) -> list[str]:
    """An attribute of the grammar in a namespace; a token written almost as it should be."""
    found = []
    for attribute in element.keys():  # noqa: SIM118 - no dict, and its items() take the square of their number
        space, _, bare = str(attribute).rpartition("}")
        if bare not in _ATTRIBUTES:
            continue
        if space:
            found.append("daticert-namespace")
            continue
        allowed = _TOKENS.get((name, bare), _NONE)
        value = element.get(bare)
        if value not in allowed and (value or "").strip().lower() in allowed:
            found.append("daticert-odd-token")  # to a reader that compares exactly it is another kind
    return found


def _of_text(element: "etree._Element", name: str) -> list[str]:
    if len(element):
        return ["daticert-nested-element"]  # and what is deepest is not read once for each that it lies in
    if name in _ADDRESSES:
        found = []
        address = (element.text or "").strip(BLANKS)
        if not address and name == "destinatari":
            found.append("daticert-empty-recipient")
        if _SEPARATOR.search(address) or _is_blurred(address):
            found.append("daticert-odd-address")
        return found
    return ["daticert-odd-identifier"] if name in _IDS and _is_blurred(element.text or "") else []


def _is_blurred(text: str) -> bool:
    """Whether it holds what nobody sees (a control, another blank, zero width), or what some take for an ASCII letter.

    Readers strip different blanks, and K (U+212A) is k once it is lower-case.
    """
    if text.isascii():
        return "\x7f" in text  # the other controls are not XML
    return any(
        not letter.isascii() and (not letter.isprintable() or unicodedata.normalize("NFKC", letter).isascii())
        for letter in text
    )
