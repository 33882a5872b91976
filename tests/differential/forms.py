"""In which odd forms may certification data, a part, or the enclosed message come? Each edit is one departure.

A mail is made of `Form`: the XML as text and how it is encoded, the header lines of its parts, the message enclosed.
Edits change one of them; several together make what neither the standard nor a test's author thought of. The content
is signed afterwards by a provider that is trusted, so only what it says can take the proof away.
"""

import base64
import quopri
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tests.factory import receipts
from tests.factory.mime import b64, entity, multipart

EVIL = "altri@pec.example"
FORGED = f"<dati><consegna>{EVIL}</consegna></dati>"
EXTERNAL = f'<destinatari tipo="esterno">{receipts.RECIPIENT}</destinatari>'


@dataclass(frozen=True, slots=True)
class Form:
    """One mail to be made."""

    kind: str
    xml: str
    original: bytes | None
    encode: Callable[[str], bytes] = str.encode
    xml_lines: tuple[str, ...] = (
        'Content-Type: application/xml; name="daticert.xml"',
        "Content-Transfer-Encoding: base64",
        'Content-Disposition: inline; filename="daticert.xml"',
    )
    transfer: Callable[[bytes], bytes] = b64
    original_lines: tuple[str, ...] = (
        'Content-Type: message/rfc822; name="postacert.eml"',
        "Content-Transfer-Encoding: 7bit",
        'Content-Disposition: inline; filename="postacert.eml"',
    )
    before: tuple[bytes, ...] = ()
    after: tuple[bytes, ...] = ()
    swapped: bool = False
    outer: tuple[str, ...] = field(default=())

    def content(self) -> bytes:
        """What the provider signs."""
        text = entity(["Content-Type: text/plain; charset=iso-8859-1"], b"Ricevuta.\r\n")
        daticert = entity(self.xml_lines, self.transfer(self.encode(self.xml)))
        parts = [daticert]
        if self.original is not None:
            parts.append(entity(self.original_lines, self.original))
        if self.swapped:
            parts.reverse()
        return multipart("mixed", [text, *self.before, *parts, *self.after], "=_certified")


Edit = Callable[[Form], Form]


def _xml(change: Callable[[str], str]) -> Edit:
    return lambda form: replace(form, xml=change(form.xml))


def _element(name: str) -> "re.Pattern[str]":
    return re.compile(rf"[ ]*<{name}(?: [^>]*)?(?:/>|>.*?</{name}>)\n?", re.DOTALL)


def _other(found: str, name: str) -> str:
    """The same element with another value."""
    values = {"consegna": EVIL, "mittente": EVIL, "giorno": "28/02/2026", "ora": "11:11:11",
              "identificativo": "altro.1@pec.example", "msgid": "&lt;altro@pec.example&gt;", "oggetto": "Altro",
              "gestore-emittente": "Altri S.p.A."}  # fmt: skip
    return re.sub(r">[^<]*<", f">{values.get(name, 'altro')}<", found, count=1)


def _repeated(name: str, *, first: bool) -> Edit:
    def change(xml: str) -> str:
        found = _element(name).search(xml)
        if found is None:
            return xml
        both = (_other(found[0], name), found[0]) if first else (found[0], _other(found[0], name))
        return xml[: found.start()] + "".join(both) + xml[found.end() :]

    return _xml(change)


def _moved(name: str, to: str) -> Edit:
    def change(xml: str) -> str:
        found = _element(name).search(xml)
        if found is None or f"</{to}>" not in xml.replace(found[0], ""):
            return xml
        return xml.replace(found[0], "", 1).replace(f"</{to}>", f"{found[0].strip()}</{to}>", 1)

    return _xml(change)


def _dropped(name: str) -> Edit:
    return _xml(lambda xml: _element(name).sub("", xml, count=1))


def _prefixed(name: str) -> Edit:
    def change(xml: str) -> str:
        opened = re.sub(rf"<{name}(?=[ >/])", f'<e:{name} xmlns:e="urn:e"', xml, count=1)
        return opened.replace(f"</{name}>", f"</e:{name}>", 1)

    return _xml(change)


def _in_namespace(name: str) -> Edit:
    return _xml(lambda xml: re.sub(rf"<{name}(?=[ >])", f'<{name} xmlns="urn:e"', xml, count=1))


def _value(name: str, change: Callable[[str], str]) -> Edit:
    return _xml(
        lambda xml: re.sub(
            rf"(<{name}(?: [^>]*)?>)([^<]*)(</{name}>)", lambda m: m[1] + change(m[2]) + m[3], xml, count=1
        )
    )


def _encoded(declared: str, encoding: str, mark: bytes = b"") -> Edit:
    def change(form: Form) -> Form:
        xml = form.xml.replace('encoding="UTF-8"', f'encoding="{declared}"')
        return replace(form, xml=xml, encode=lambda text: mark + text.encode(encoding, "xmlcharrefreplace"))

    return change


def _line(old: str, new: str) -> Edit:
    return lambda form: replace(form, xml_lines=tuple(line.replace(old, new) for line in form.xml_lines))


def _more_line(line: str, *, first: bool = False) -> Edit:
    return lambda form: replace(form, xml_lines=(line, *form.xml_lines) if first else (*form.xml_lines, line))


def _another_daticert(*, first: bool, name: str = "daticert.xml") -> Edit:
    def change(form: Form) -> Form:
        forged = form.xml.replace(receipts.RECIPIENT, EVIL).encode()
        part = entity(
            [f'Content-Type: application/xml; name="{name}"', "Content-Transfer-Encoding: base64"], b64(forged)
        )
        return replace(form, before=(part, *form.before)) if first else replace(form, after=(*form.after, part))

    return change


def _another_original(*, first: bool) -> Edit:
    def change(form: Form) -> Form:
        if form.original is None:
            return form
        part = entity(["Content-Type: message/rfc822"], form.original.replace(b"Subject: ", b"Subject: Altro "))
        return replace(form, before=(part, *form.before)) if first else replace(form, after=(*form.after, part))

    return change


def _inside(change: Callable[[bytes], bytes]) -> Edit:
    return lambda form: form if form.original is None else replace(form, original=change(form.original))


def _quoted(form: Form) -> Form:
    lines = tuple(line.replace("base64", "quoted-printable") for line in form.xml_lines)
    return replace(form, xml_lines=lines, transfer=lambda xml: quopri.encodestring(xml).replace(b"\n", b"\r\n"))


def _plain(form: Form) -> Form:
    lines = tuple(line.replace("base64", "8bit") for line in form.xml_lines)
    return replace(form, xml_lines=lines, transfer=lambda xml: xml.replace(b"\n", b"\r\n"))


def _junk_in_base64(form: Form) -> Form:
    return replace(form, transfer=lambda xml: b64(xml).replace(b"\r\n", b" \r\n!", 1))


def _padded_base64(form: Form) -> Form:
    def transfer(xml: bytes) -> bytes:
        half = len(xml) // 2
        return base64.b64encode(xml[:half]) + b"\r\n" + base64.b64encode(xml[half:]) + b"\r\n"

    return replace(form, transfer=transfer)


def _nested_part(form: Form) -> Form:
    return replace(form, before=(multipart("mixed", [entity(form.xml_lines, b64(form.xml.encode()))], "=_deeper"),))


ONCE = ("mittente", "risposte", "oggetto", "gestore-emittente", "giorno", "ora", "identificativo", "msgid", "ricevuta",
        "consegna", "data", "dati", "intestazione")  # fmt: skip

EDITS: dict[str, Edit] = {
    "nothing": lambda form: form,
    **{f"{name} twice, another first": _repeated(name, first=True) for name in ONCE},
    **{f"{name} twice, another last": _repeated(name, first=False) for name in ONCE},
    **{f"{name} missing": _dropped(name) for name in (*ONCE, "destinatari")},
    **{f"{name} under a prefix": _prefixed(name) for name in (*ONCE, "destinatari", "postacert")},
    **{f"{name} in a namespace": _in_namespace(name) for name in (*ONCE, "postacert")},
    **{f"{name} in {to}": _moved(name, to) for name in ("consegna", "mittente", "data", "destinatari", "identificativo")
       for to in ("intestazione", "dati", "postacert", "risposte", "oggetto", "ora")},
    "CDATA": _value("consegna", lambda value: f"<![CDATA[{value}]]>"),
    "half CDATA": _value("consegna", lambda value: f"{value[:4]}<![CDATA[{value[4:]}]]>"),
    "comment within": _value("consegna", lambda value: f"{value[:4]}<!-- x -->{value[4:]}"),
    "instruction within": _value("giorno", lambda value: f"{value[:4]}<?x y?>{value[4:]}"),
    "element within": _value("consegna", lambda value: f"{value}<b>{EVIL}</b>"),
    "element before": _value("consegna", lambda value: f"<b>{EVIL}</b>{value}"),
    "element around": _value("mittente", lambda value: f"<b>{value}</b>"),
    "references": _value("consegna", lambda value: "".join(f"&#{ord(letter)};" for letter in value)),
    "line break within": _value("consegna", lambda value: f"{value[:6]}&#10;{value[6:]}"),
    "blank within": _value("mittente", lambda value: f"{value[:6]} {value[6:]}"),
    "no-break space around": _value("consegna", lambda value: f"\u00a0{value}\u00a0"),
    "zero-width within": _value("consegna", lambda value: f"{value[:6]}\u200b{value[6:]}"),
    "two addresses": _value("consegna", lambda value: f"{value}, {EVIL}"),
    "display name": _value("consegna", lambda value: f"Anna &lt;{value}&gt;"),
    "capitals": _value("consegna", str.upper),
    "full-width digits": _value("giorno", lambda value: value.replace("2", "\uff12")),
    "American day": _value("giorno", lambda value: "03/02/2026"),
    "midnight twenty-four": _value("ora", lambda value: "24:00:00"),
    "zone with colon": _xml(lambda xml: xml.replace('zona="+0100"', 'zona="+01:00"')),
    "zone of nowhere": _xml(lambda xml: xml.replace('zona="+0100"', 'zona="+9900"')),
    "no zone": _xml(lambda xml: xml.replace(' zona="+0100"', "")),
    "zone in a namespace": _xml(lambda xml: xml.replace("zona=", 'xmlns:e="urn:e" e:zona="-1200" zona=')),
    "type in a namespace": _xml(lambda xml: xml.replace("<postacert ", '<postacert xmlns:e="urn:e" e:tipo="altro" ')),
    "stray text": _xml(lambda xml: xml.replace("</risposte>", "</risposte>a")),
    "stray text before": _xml(lambda xml: xml.replace("<dati>", "<dati>a")),
    "unknown element": _xml(lambda xml: xml.replace("<dati>", "<dati><nuovo>x</nuovo>")),
    "postacert within": _xml(lambda xml: xml.replace("<dati>", f"<postacert tipo='x'>{FORGED}</postacert><dati>")),
    "commented section": _xml(lambda xml: xml.replace("<dati>", f"<!-- {FORGED} --><dati>")),
    "document type": _xml(lambda xml: xml.replace("<postacert", "<!DOCTYPE postacert [<!ENTITY a 'x'>]><postacert", 1)),
    "recipient of two types": _xml(lambda xml: xml.replace("<risposte>", f"{EXTERNAL}<risposte>")),
    "UTF-16": _encoded("UTF-16", "utf-16"),
    "UTF-16 declared, UTF-8 in fact": _encoded("UTF-16", "utf-8"),
    "Latin-9": _encoded("ISO-8859-15", "iso-8859-15"),
    "UTF-8 declared, Latin-9 in fact": _encoded("UTF-8", "iso-8859-15"),
    "UTF-7 declared": _encoded("UTF-7", "utf-8"),
    "byte order mark": _encoded("UTF-8", "utf-8", b"\xef\xbb\xbf"),
    "mark against declaration": _encoded("ISO-8859-1", "utf-8", b"\xef\xbb\xbf"),
    "NUL behind": lambda form: replace(form, xml=form.xml + "\x00"),
    "XML 1.1": _xml(lambda xml: xml.replace('version="1.0"', 'version="1.1"')),
    "no declaration": _xml(lambda xml: xml.partition("\n")[2]),
    "quoted-printable": _quoted,
    "8bit": _plain,
    "junk in base64": _junk_in_base64,
    "base64 in two pieces": _padded_base64,
    "encoding twice, 7bit last": _more_line("Content-Transfer-Encoding: 7bit"),
    "encoding twice, 7bit first": _more_line("Content-Transfer-Encoding: 7bit", first=True),
    "type twice": _more_line("Content-Type: text/plain", first=True),
    "type twice, last": _more_line('Content-Type: application/octet-stream; name="altro.xml"'),
    "other file name": _line('filename="daticert.xml"', 'filename="altro.xml"'),
    "other name": _line('name="daticert.xml"', 'name="altro.xml"'),
    "no disposition": lambda form: replace(form, xml_lines=form.xml_lines[:2]),
    "octets": _line("application/xml", "application/octet-stream"),
    "as text": _line("application/xml", "text/plain"),
    "another daticert first": _another_daticert(first=True),
    "another daticert last": _another_daticert(first=False),
    "another daticert in capitals": _another_daticert(first=False, name="DATICERT.XML"),
    "certification deeper down": _nested_part,
    "another original first": _another_original(first=True),
    "another original last": _another_original(first=False),
    "original before": lambda form: replace(form, swapped=True),
    "original in base64": lambda form: form if form.original is None else replace(
        form,
        original=b64(form.original),
        original_lines=tuple(line.replace("7bit", "base64") for line in form.original_lines),
    ),
    "another subject": _inside(lambda raw: re.sub(rb"(?m)^Subject: .*$", b"Subject: Altro\r", raw, count=1)),
    "subject twice": _inside(lambda raw: raw.replace(b"Subject: ", b"Subject: Altro\r\nSubject: ", 1)),
    "sender twice": _inside(lambda raw: b"From: altri@pec.example\r\n" + raw),
    "another charset": _inside(lambda raw: re.sub(rb'charset="?utf-8"?', b"charset=iso-8859-1", raw, count=1)),
    "an epilogue": _inside(lambda raw: raw + b"\r\n--altro\r\nContent-Type: text/plain\r\n\r\nAltro\r\n--altro--"),
    "type first": _inside(lambda raw: b"Content-Type: text/plain\r\n" + raw),
    "encoding first": _inside(lambda raw: b"Content-Transfer-Encoding: base64\r\n" + raw),
    "another attachment's name": _inside(lambda raw: raw.replace(b"atto.pdf", b"resa.pdf")),
    "line hidden by a fold": _inside(lambda raw: raw.replace(b"Subject: ", b"X-A: b\r\n Subject: y\r\nSubject: ", 1)),
    "received": _inside(lambda raw: b"Received: from a by b; Mon, 02 Mar 2026 10:15:20 +0100\r\n" + raw),
    "new ids": _inside(
        lambda raw: re.sub(rb"(?m)^Message-ID: (.*)\r$", rb"X-Riferimento-Message-ID: \1\r", raw, count=1).replace(
            b"\r\n\r\n", b"\r\nMessage-ID: <nuovo@pec.example>\r\n\r\n", 1
        )
    ),
    "two senders": lambda form: replace(form, outer=(*form.outer, f"From: {EVIL}")),
    "other kind in the header": lambda form: replace(form, outer=(*form.outer, "X-Ricevuta: errore-consegna")),
    "another reference in the header": lambda form: replace(
        form, outer=(*form.outer, "X-Riferimento-Message-ID: <altro@x>")
    ),
}  # fmt: skip


def made(form: Form, edits: Sequence[str]) -> Form:
    """*form* after the named edits, in order."""
    for name in edits:
        form = EDITS[name](form)
    return form
