"""Are two names the same, and may an authority certify this one? Distinguished names and mail addresses.

Names are compared as RFC 5280 7.1 asks: case and repeated blanks do not matter, nor does the string type.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pec_tracker.pec import ber

# A distinguished name made comparable: for each RDN, its set of (OID, folded value).
DirectoryName = tuple[frozenset[tuple[bytes, str]], ...]

COMMON_NAME: Final = bytes.fromhex("550403")
ORGANIZATION: Final = bytes.fromhex("55040a")
EMAIL_ADDRESS: Final = bytes.fromhex("2a864886f70d010901")

_ENCODINGS: Final = {
    0x0C: "utf-8",
    0x13: "ascii",
    0x14: "latin-1",  # TeletexString, as everyone reads it
    0x16: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}


@dataclass(frozen=True, slots=True)
class NameConstraints:
    """RFC 5280 4.2.1.10 for mail and directory names. `other_forms` names further types that are constrained."""

    permitted_mail: tuple[str, ...] = ()
    excluded_mail: tuple[str, ...] = ()
    permitted_directories: tuple[DirectoryName, ...] = ()
    excluded_directories: tuple[DirectoryName, ...] = ()
    other_forms: frozenset[str] = frozenset()

    def allow(self, directory: DirectoryName, addresses: tuple[str, ...], other_names: frozenset[str]) -> bool:
        """Whether a certificate with these names stays within the constraints.

        A name of a type that is constrained and not evaluated here (DNS, IP) is refused: PEC certificates have none.
        """
        return (
            all(self._allows_mail(address) for address in addresses)
            and self._allows_directory(directory)
            and not other_names & self.other_forms
        )

    def _allows_mail(self, address: str) -> bool:
        if any(_mail_within(address, base) for base in self.excluded_mail):
            return False
        return not self.permitted_mail or any(_mail_within(address, base) for base in self.permitted_mail)

    def _allows_directory(self, directory: DirectoryName) -> bool:
        # RFC 5280 6.1.3 (b): an empty subject is not constrained.
        if not directory:
            return True
        if any(_directory_within(directory, base) for base in self.excluded_directories):
            return False
        permitted = self.permitted_directories
        return not permitted or any(_directory_within(directory, base) for base in permitted)


def comparable(name: bytes) -> DirectoryName:
    """A DER or BER Name made comparable; `BerError` where it is none."""
    whole = ber.expect(name, 0, len(name), ber.SEQUENCE)
    return tuple(
        frozenset((oid, " ".join(text.casefold().split())) for oid, text in _attributes(name, rdn))
        for rdn in ber.children(name, whole)
    )


def attribute(name: bytes, oid: bytes) -> str | None:
    """The last value of this attribute in a Name: the most specific one; None where there is none."""
    found = None
    for rdn in ber.children(name, ber.expect(name, 0, len(name), ber.SEQUENCE)):
        for kind, text in _attributes(name, rdn):
            found = text if kind == oid else found
    return found


def _attributes(name: bytes, rdn: ber.Value) -> Iterator[tuple[bytes, str]]:
    for pair in ber.children(name, rdn):
        oid = ber.expect(name, pair.start, pair.stop, ber.OID)
        value = ber.value_at(name, oid.end, pair.stop)
        yield name[oid.start : oid.stop], _text(value.tag, name[value.start : value.stop])


def _text(tag: int, content: bytes) -> str:
    encoding = _ENCODINGS.get(tag)
    if encoding is None:
        return f"{tag:02x}:{content.hex()}"
    return content.decode(encoding, "replace")


def _mail_within(address: str, base: str) -> bool:
    """RFC 5280 4.2.1.10: a mailbox, all mailboxes of a host, or (leading period) of all hosts under a domain."""
    address, base = address.casefold(), base.casefold()
    if "@" in base:
        return address == base
    host = address.rpartition("@")[2]
    return host.endswith(base) if base.startswith(".") else not base or host == base


def _directory_within(name: DirectoryName, base: DirectoryName) -> bool:
    return name[: len(base)] == base
