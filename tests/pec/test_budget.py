"""One small mail from anyone must not stop a mailbox for hours: every reader of foreign bytes is linear in its input.

Each form is doubled from 0.5 to 4 MB, and each step may take two and a half times as long at most. Of 30 MB none takes
more than 5 s of a processor, or 300 MB.
"""

import base64
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from pec_tracker.pec import fields, folding, headblock
from pec_tracker.pec.daticert import examine
from pec_tracker.render import verify_package
from pec_tracker.service.intake.study import Arrival, study
from tests import growth
from tests.factory import receipts

MEGABYTE = 1024 * 1024
SIZES = [MEGABYTE // 2, MEGABYTE, 2 * MEGABYTE, 4 * MEGABYTE]
LARGE = 30 * MEGABYTE
FLOOR = 0.15  # seconds below which no ratio is asked

Form = Callable[[int], bytes]

HEAD = (
    b"From: a@pec.it\r\nTo: b@pec.it\r\nSubject: x\r\nMessage-ID: <m@pec.it>\r\n"
    b"Date: Mon, 2 Mar 2026 10:00:00 +0100\r\n"
)
XML = '<?xml version="1.0" encoding="UTF-8"?>\n<postacert tipo="avvenuta-consegna" errore="nessuno"><intestazione>'
REST = (
    "<mittente>a@pec.it</mittente><destinatari tipo=\"certificato\">b@pec.it</destinatari><risposte>a@pec.it</risposte>"
    "<oggetto>x</oggetto></intestazione><dati><gestore-emittente>P</gestore-emittente><data zona=\"+0100\">"
    "<giorno>02/03/2026</giorno><ora>10:00:00</ora></data><identificativo>i@pec.it</identificativo>"
    "<msgid>&lt;m@pec.it&gt;</msgid><ricevuta tipo=\"completa\"/><consegna>b@pec.it</consegna></dati></postacert>"
)  # fmt: skip
DATICERT = (XML + REST).encode()


def repeated(piece: bytes, size: int) -> bytes:
    return (piece * (size // len(piece) + 1))[:size]


def header(name: bytes, piece: bytes) -> Form:
    """A mail with one field that is long."""
    return lambda size: HEAD + name + b": " + repeated(piece, size) + b"\r\n\r\nx\r\n"


def block(piece: bytes) -> Form:
    """A mail with very many lines in its header."""
    return lambda size: HEAD + repeated(piece, size) + b"\r\n\r\nx\r\n"


def body(piece: bytes, *more: bytes) -> Form:
    """A mail with a long body."""
    return lambda size: HEAD + b"".join(line + b"\r\n" for line in more) + b"\r\n" + repeated(piece, size)


def multipart(piece: bytes) -> Form:
    """A mail whose boundary is b."""
    return body(piece, b"MIME-Version: 1.0", b'Content-Type: multipart/mixed; boundary="b"')


def many_names(size: int) -> bytes:
    """A mail with very many fields, each of a name of its own."""
    return HEAD + b"".join(b"content-%d: a\r\n" % number for number in range(size // 18)) + b"\r\nx\r\n"


def nested(size: int) -> bytes:
    """Multiparts in multiparts."""
    levels = max(1, size // 70)
    return HEAD + b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level) for level in range(levels)
    )


def messages(size: int) -> bytes:
    """Mails in mails."""
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" * (size // 34)


def signed(daticert: bytes, p7s: bytes = b"AAAA", original: bytes = b"Subject: x\r\n\r\nx\r\n") -> bytes:
    """What looks like a receipt."""
    return (
        HEAD + b"X-Ricevuta: avvenuta-consegna\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="s"\r\n\r\n'
        b'--s\r\nContent-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\nContent-Type: text/plain\r\n\r\nx\r\n'
        b'--m\r\nContent-Type: application/xml; name="daticert.xml"\r\nContent-Transfer-Encoding: 8bit\r\n'
        b'Content-Disposition: inline; filename="daticert.xml"\r\n\r\n' + daticert + b"\r\n"
        b'--m\r\nContent-Type: message/rfc822; name="postacert.eml"\r\n\r\n' + original + b"\r\n--m--\r\n"
        b'\r\n--s\r\nContent-Type: application/pkcs7-signature; name="smime.p7s"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + p7s + b"\r\n--s--\r\n"
    )


def daticert(piece: str, around: str = "{}") -> Form:
    """Certification data with something long in it; over 2 MB it is not read, which is linear too."""

    def xml(size: int) -> bytes:
        inside = around.format(repeated(piece.encode(), size // len(piece) * len(piece)).decode())
        return (XML + inside + REST).encode()

    return xml


def subject(piece: str) -> Form:
    """A certified subject that is long."""
    return lambda size: (
        (XML + REST).replace("<oggetto>x<", f"<oggetto>x{piece * (size // len(piece.encode()))}x<").encode()
    )


def numbered(piece: str) -> Form:
    """An element with very many attributes."""
    return lambda size: f"{XML}<a{''.join(map(piece.format, range(size // len(piece) - 3)))}/>{REST}".encode()


def der(piece: bytes) -> Form:
    """A signature of repeated bytes."""
    return lambda size: base64.encodebytes(repeated(piece, size))


MAILS: dict[str, Form] = {
    "a header of one word": header(b"X-Long", b"a"),
    "a header of blanks": header(b"Subject", b" \t"),
    "a folded header": header(b"Subject", b"a\r\n "),
    "addresses": header(b"Cc", b"aa@pec.it, "),
    "addresses with names": header(b"Cc", b'"A, B" <aa@pec.it>, '),
    "comments in comments": header(b"Cc", b"("),
    "comments that end": header(b"Cc", b"(())"),
    "quotes": header(b"Cc", b'"\\"'),
    "angles": header(b"Cc", b"<"),
    "commas": header(b"Cc", b","),
    "groups": header(b"Cc", b"g:;"),
    "encoded words": header(b"Subject", b"=?utf-8?q?=C3=A8?= "),
    "encoded words in base64": header(b"Subject", b"=?utf-8?b?w6g=?= "),
    "words that never end": header(b"Subject", b"=?"),
    "words of no charset": header(b"Subject", b"=?x-none?q?a?= "),
    "letters that unfold": header(b"Subject", "\ufdfa".encode()),
    "combining marks": header(b"Subject", "a\u0301\u0323".encode()),
    "marks on one letter": header(b"Subject", "\u0301\u0323".encode()),
    "names of charsets": header(b"Subject", b"=?a-b.c?q?a?="),
    "parameters": header(b"Content-Type", b"text/plain; a=b; "),
    "parameters in pieces": header(b"Content-Disposition", b"attachment; filename*0=a; filename*1=b; "),
    "references": header(b"References", b"<a@b.it> "),
    "references that never end": header(b"References", b"<a"),
    "dates": header(b"Date", b"Mon, 2 Mar 2026 10:00:00 +0100 ("),
    "lines without a colon": block(b"a\r\n"),
    "very many fields": block(b"X: a\r\n"),
    "very many From": block(b"From: a@pec.it\r\n"),
    "fields of many names": many_names,
    "bare CR": block(b"X: a\r"),
    "Received of a long way": block(b"Received: from a (b [c]) by d; Mon, 2 Mar 2026 10:00:00 +0100\r\n"),
    "empty lines": body(b"\r\n"),
    "bare LF": body(b"\n"),
    "NUL": body(b"\0"),
    "a line without end": body(b"a"),
    "From lines": body(b"\nFrom a 1:11"),
    "soft line breaks": body(b"=\r\n", b"Content-Transfer-Encoding: quoted-printable"),
    "quoted printable": body(b"=3D", b"Content-Transfer-Encoding: quoted-printable"),
    "broken quoted printable": body(b"=", b"Content-Transfer-Encoding: quoted-printable"),
    "base64 of rubbish": body(b"A=", b"Content-Transfer-Encoding: base64"),
    "base64 of one letter a line": body(b"A\r\n", b"Content-Transfer-Encoding: base64"),
    "HTML that never ends": body(b"<", b"Content-Type: text/html"),
    "HTML entities": body(b"&amp", b"Content-Type: text/html"),
    "HTML comments": body(b"<!--", b"Content-Type: text/html"),
    "text in UTF-7": body(b"+AGE-", b"Content-Type: text/plain; charset=utf-7"),
    "boundaries": multipart(b"--b\r\n"),
    "boundaries with parts": multipart(b"--b\r\n\r\nx\r\n"),
    "almost boundaries": multipart(b"--b "),
    "final boundaries": multipart(b"--b--\r\n"),
    "dashes": multipart(b"-"),
    "multiparts in multiparts": nested,
    "mails in mails": messages,
    "a receipt with a long signature": lambda size: signed(DATICERT, der(b"0\x80")(size)),
    "a signature of sets in sets": lambda size: signed(DATICERT, der(b"1\x82\xff\xff")(size)),
    "a receipt of a long original": lambda size: signed(DATICERT, original=multipart(b"--b\r\n\r\n")(size)),
}  # fmt: skip

DATA: dict[str, Form] = {
    "empty lines in the subject": subject("\n"),
    "blanks in the subject": subject(" "),
    "references of characters": subject("&#10;"),
    "letters that unfold in the subject": subject("\ufdfa"),
    "marks on one letter of the subject": subject("\u0301\u0323"),
    "recipients": daticert('<destinatari tipo="esterno">a@b.it</destinatari>'),
    "elements in elements": daticert("<a>"),
    "elements": daticert("<a/>"),
    "comments": daticert("<!---->"),
    "instructions": daticert("<?a?>"),
    "sections of text": daticert("<![CDATA[x]]>"),
    "attributes": numbered(' a{}="b"'),
    "namespaces": numbered(' xmlns:a{}="b"'),
    "text between": daticert(" "),
}  # fmt: skip


def through(raw: bytes) -> None:
    """What collecting does with a mail before it is written."""
    study(Arrival(raw), raw, owner="a@pec.it", trust=receipts.trust(), now=receipts.ISSUED_AT)


def alone(raw: bytes) -> None:
    """What the verifier that stands alone does with one."""
    verify_package.read_receipt("receipts/1.eml", raw)
    verify_package.compared_fields(raw)
    verify_package.nodes(raw)
    list(verify_package.differing(verify_package.compared_fields(raw), [], every=True))


def grows(act: Callable[[bytes], object], form: Form, sizes: list[int] | None = None) -> None:
    """Fails where one step takes more than two and a half times as long."""
    growth.proportional(lambda size: partial(act, form(size)), sizes or SIZES, FLOOR)


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_twice_as_long_takes_twice_as_long_to_read(name: str) -> None:
    grows(through, MAILS[name])


@pytest.mark.parametrize("name", DATA)
def test_certification_data_twice_as_long_takes_twice_as_long(name: str) -> None:
    sizes = [MEGABYTE // 4, MEGABYTE // 2, MEGABYTE, 2 * MEGABYTE - 2_000]
    grows(examine, DATA[name], sizes)
    whole = signed(DATA[name](MEGABYTE))
    growth.within(5, partial(through, whole))


@pytest.mark.parametrize("name", MAILS)
def test_the_verifier_that_stands_alone_is_linear_too(name: str) -> None:
    grows(alone, MAILS[name])


@pytest.mark.parametrize(
    ("act", "piece"),
    [
        (verify_package.from_pem, b"-----BEGIN A-----\n"),
        (lambda pdf: list(verify_package.attachments(pdf)), b"<</Length 999999999/Type/EmbeddedFile>>\nstream\n"),
        (verify_package.from_pem, b"-----BEGIN CERTIFICATE-----\n"),
        (verify_package.unzip, b"PK\x03\x04" + b"\0" * 26),
        (verify_package.unzip, b"PK\x01\x02" + b"\0" * 42),
        (verify_package.unzip, b"PK\x05\x06" + b"\0" * 18),
        (verify_package.der_items, b"0\x00"),
        (lambda text: list(headblock.fields_of(text)), b"X: a\r\n b\r\n"),
        (lambda text: fields.decoded_text(text), b"=?utf-8?q?a?="),
        (lambda text: folding.fold(text.decode("utf-8", "ignore")), "\ufdfa".encode()),
        (lambda text: folding.cut([text.decode("utf-8", "ignore")]), "\ufdfa\u0301".encode()),
    ],
    ids=["pem", "pdf", "certificates", "zip", "zip directory", "zip end", "der", "head", "words", "fold", "cut"],
)  # fmt: skip
def test_each_smaller_reader_is_linear(act: Callable[[bytes], object], piece: bytes) -> None:
    def tried(content: bytes) -> None:
        with suppress(ValueError, KeyError, IndexError):
            act(content)

    grows(tried, lambda size: repeated(piece, size))


LARGE_ONES = [
    "addresses", "comments that end", "encoded words", "letters that unfold", "very many fields", "very many From",
    "boundaries with parts", "soft line breaks", "multiparts in multiparts", "a line without end", "HTML entities",
    "a receipt of a long original",
]  # fmt: skip

MEASURE = """
import sys, time
from tests.pec.test_budget import MAILS, LARGE, through
raw = MAILS[sys.argv[1]](LARGE)
before = time.process_time()
through(raw)
took = time.process_time() - before
with open("/proc/self/status") as status:
    (peak,) = [line.split()[1] for line in status if line.startswith("VmHWM")]
print(took, int(peak) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is asked of Linux")
@pytest.mark.parametrize("name", LARGE_ONES)
def test_thirty_megabytes_take_five_seconds_and_three_hundred_megabytes_at_most(name: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, name], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    took, peak = map(float, ran.stdout.split())
    assert took < 5
    assert peak < 300
