"""XML, zip and PDF that were made to hurt are refused, and those that were not are read."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

from kuska.kit import archives, pdf, xml
from kuska.kit.errors import IncorrectError
from kuska.kit.messages import render

pytestmark = pytest.mark.requirement("AP-10")


def _key(refused: pytest.ExceptionInfo[IncorrectError]) -> str:
    (issue,) = refused.value.issues
    assert not render(issue, "en").startswith(("xml.", "archive.", "pdf."))
    return issue.message


_LAUGHS = (
    b'<!DOCTYPE a [<!ENTITY l "lol">'
    + b"".join(b'<!ENTITY l%d "%s">' % (i, b"&l;" * 10) for i in range(9))
    + b"]><a>&l8;</a>"
)


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (_LAUGHS, "xml.forbidden"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "xml.forbidden"),
        (b'<!DOCTYPE a SYSTEM "http://192.0.2.1/x.dtd"><a/>', "xml.forbidden"),
        (b"<a>" * 200 + b"</a>" * 200, "xml.too-deep"),
        (b"<a>" + b"<b/>" * 300_000 + b"</a>", "xml.too-many-nodes"),
        (b"<a><b></a>", "xml.not-well-formed"),
        (b"", "xml.not-well-formed"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "xml.not-well-formed"),
    ],
)
def test_xml_that_is_refused(raw: bytes, key: str) -> None:
    with pytest.raises(IncorrectError) as refused:
        xml.parse(raw)
    assert _key(refused) == key


def test_xml_that_is_read() -> None:
    root = xml.parse(b'<a x="1"><b>\xc3\xb1</b></a>')
    assert (root.tag, root.attrib, root[0].text) == ("a", {"x": "1"}, "ñ")


def _zip(*files: tuple[str, bytes], mode: int = 0) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            opened.writestr(info, content)
    return made.getvalue()


def test_zip_that_is_read() -> None:
    raw = _zip(("a/b.json", b"{}"), ("c.txt", b"c" * 5000))
    assert list(archives.members(raw)) == [("a/b.json", b"{}"), ("c.txt", b"c" * 5000)]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "c:\\x", "a\\..\\x", "a:b", "a\nb"])
def test_zip_with_names_that_lead_elsewhere(name: str) -> None:
    with pytest.raises(IncorrectError) as refused:
        list(archives.members(_zip((name, b"x"))))
    assert _key(refused) == "archive.bad-name"


def test_zip_with_a_link() -> None:
    with pytest.raises(IncorrectError) as refused:
        list(archives.members(_zip(("x", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777)))
    assert _key(refused) == "archive.bad-name"


def test_zip_bombs() -> None:
    for limits in ({}, {"ratio": 10**9, "total": 1_000_000}):
        with pytest.raises(IncorrectError) as refused:
            list(archives.members(_zip(("zeros", bytes(50_000_000))), **limits))
        assert _key(refused) == "archive.too-large"
    with pytest.raises(IncorrectError) as refused:
        list(archives.members(_zip(*((str(n), b"") for n in range(50))), entries=49))
    assert _key(refused) == "archive.too-many-files"


def test_zip_that_lies_or_is_damaged() -> None:
    raw = bytearray(_zip(("a", b"hello world" * 100)))
    raw[45:60] = bytes(15)
    with pytest.raises(IncorrectError) as refused:
        list(archives.members(bytes(raw)))
    assert _key(refused) == "archive.damaged"
    with pytest.raises(IncorrectError) as refused:
        list(archives.members(_zip(("A", b"1"), ("a", b"2"))))
    assert _key(refused) == "archive.twice"


def _pdf(**root: object) -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    for key, value in root.items():
        writer.root_object[NameObject(f"/{key}")] = value
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def test_pdf_that_only_shows_something() -> None:
    assert pdf.pages(_pdf()) == 1


def test_pdf_that_would_do_something() -> None:
    script = DictionaryObject({NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("x")})
    program = DictionaryObject({NameObject("/S"): NameObject("/Launch"), NameObject("/F"): TextStringObject("calc")})
    for raw in (_pdf(OpenAction=script), _pdf(OpenAction=program)):
        with pytest.raises(IncorrectError) as refused:
            pdf.pages(raw)
        assert _key(refused) == "pdf.active"
    writer = PdfWriter(io.BytesIO(_pdf()))
    writer.add_attachment("x.exe", b"MZ")
    made = io.BytesIO()
    writer.write(made)
    with pytest.raises(IncorrectError) as refused:
        pdf.pages(made.getvalue())
    assert _key(refused) == "pdf.active"


def test_pdf_that_is_none_or_is_locked() -> None:
    writer = PdfWriter(io.BytesIO(_pdf()))
    writer.encrypt("secret", algorithm="AES-256")
    made = io.BytesIO()
    writer.write(made)
    for raw, key in (
        (b"<html>", "pdf.not-a-pdf"),
        (made.getvalue(), "pdf.encrypted"),
        (b"%PDF-1.7\ngarbage", "pdf.damaged"),
    ):
        with pytest.raises(IncorrectError) as refused:
            pdf.pages(raw)
        assert _key(refused) == key
