"""What is a file that is no mail? Told by how its content begins, so that nobody takes what was left out for imported.

The names are tokens of `notices.UNREAD`, each of which says the way out.
"""

import re
from typing import Final

HEAD: Final = 512  # bytes that tell

ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")  # no mail begins so; the end of one may look like an archive's

_APPLE_DOUBLE: Final = b"\x00\x05\x16\x07"  # what macOS puts beside a file, called `._` and its name
_LITTER: Final = frozenset({"thumbs.db", "desktop.ini", ".ds_store"})
_MORK: Final = b"// <!-- <mdb:mork"

_MAGIC: Final = (
    (b"!BDN", "outlook-store"),  # [MS-PST] 2.2.2.6: PST and OST
    (b"\xcf\xad\x12\xfe", "outlook-express"),
    (_MORK, "thunderbird-index"),
    (b"\x78\x9f\x3e\x22", "outlook-attachment"),  # [MS-OXTNEF] 2.1.3.1: winmail.dat
    (b"SQLite format 3\x00", "database"),
    (b"%PDF-", "pdf"),
    (b"{\\rtf", "document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "document"),  # [MS-CFB] 2.2; a .msg begins so too, and is known by its name
    (b"\xff\xd8\xff", "picture"),
    (b"\x89PNG\r\n\x1a\n", "picture"),
    (b"GIF87a", "picture"),
    (b"GIF89a", "picture"),
    (b"II*\x00", "picture"),
    (b"MM\x00*", "picture"),
    (b"Rar!\x1a\x07", "packed"),
    (b"7z\xbc\xaf\x27\x1c", "packed"),
    (b"\x1f\x8b\x08", "packed"),
    (b"\xfd7zXZ\x00", "packed"),
    (b"MSCF\x00\x00\x00\x00", "packed"),
    (b"\x7fELF", "program"),
)
# A .zip of an office program: what its first member is called (ECMA-376 part 2, ODF 1.2 part 3 3.3).
_OFFICE_ZIP: Final = re.compile(
    rb"PK\x03\x04.{26}(?:\[Content_Types\]|_rels/|docProps/|word/|xl/|ppt/|mimetype|META-INF/)", re.DOTALL
)
_SIGNED_FILE: Final = re.compile(rb"\x30[\x80-\x84].{0,4}\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", re.DOTALL)
_APPLE_MAIL: Final = re.compile(rb"\d{1,10} *\r?\n[!-9;-~]+:")
_BZIP2: Final = re.compile(rb"BZh[1-9]1AY&SY")
_TAR: Final = slice(257, 262)
_PROGRAM: Final = re.compile(rb"MZ.{0,62}\x00", re.DOTALL)

_FIELD: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:>?From |[!-9;-~]{1,76}[ \t]*:)")  # RFC 5322 3.6.8, or mbox
_MAIL_FIELD: Final = re.compile(
    rb"(?:Received|Return-Path|Delivered-To|X-[A-Za-z-]+|From|To|Cc|Subject|Date|Message-ID|MIME-Version|"
    rb"DKIM-Signature|Content-Type)[ \t]*:",
    re.IGNORECASE,
)


def foreign(head: bytes, suffix: str) -> str | None:
    """What the file is that begins with *head*, where it surely is no mail; None where it may be one."""
    for magic, token in _MAGIC:
        if head.startswith(magic):
            return None if token == "document" and suffix == ".msg" else token
    if suffix != ".zip" and _OFFICE_ZIP.match(head):
        return "document"
    if _SIGNED_FILE.match(head):
        return "signed-file"
    if head[_TAR] == b"ustar" or _BZIP2.match(head):
        return "packed"
    if _PROGRAM.match(head):
        return "program"
    if suffix == ".emlx" and _APPLE_MAIL.match(head):
        return "apple-mail"
    return None


def passed_over(head: bytes, suffix: str) -> str | None:
    """What lies among the files of a folder, called like no mail, and should not be passed over in silence."""
    token = foreign(head, suffix)
    if token is None and head.startswith(ZIP):
        return "unnamed-zip"
    return "unnamed-mail" if token is None and _MAIL_FIELD.match(head) else token


def is_litter(head: bytes, name: str) -> bool:
    """Whether this is what a system wrote beside the mails, and holds nothing of theirs."""
    return head.startswith(_APPLE_DOUBLE) or name.lower() in _LITTER


def may_be_mail(head: bytes) -> bool:
    """Whether the file begins as a mail does: with a header field."""
    return _FIELD.match(head) is not None
