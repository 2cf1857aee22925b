"""What can do harm is told from ordinary files, whatever it is called and however it is packed."""

import gzip
import io
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail.risks import risk
from bridge.model import Risk

BYTES = "application/octet-stream"
PROGRAM = b"MZ".ljust(60, b"\0") + (64).to_bytes(4, "little") + b"PE\0\0" + b"\0" * 40


def zipped(*names: str, content: bytes = b"x") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return made.getvalue()


def tarred(*names: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return made.getvalue()


HARMFUL = {
    "a double ending": ("invoice.pdf.exe", BYTES, b"x", Risk.PROGRAM),
    "dots and spaces behind it": ("run.EXE. ", BYTES, b"x", Risk.PROGRAM),
    "a program by another name": ("holiday.jpg", "image/jpeg", PROGRAM, Risk.PROGRAM),
    "a script": ("order.js", "text/plain", b"x", Risk.SCRIPT),
    "macros by name": ("Report.xlsm", BYTES, zipped("xl/workbook.xml"), Risk.MACRO),
    "macros in a document of the newer kind": ("r.docx", BYTES, zipped("word/vbaProject.bin"), Risk.MACRO),
    "macros in one of the older kind": (
        "r.doc",
        "application/msword",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99 + "_VBA_PROJECT".encode("utf-16-le"),
        Risk.MACRO,
    ),
    "a shortcut by another name": ("photo", BYTES, b"\x4c\0\0\0\x01\x14\x02\0 and more", Risk.SHORTCUT),
    "a page": ("account.html", "text/html", b"<p>Sign in</p>", Risk.PAGE),
    "a page with the shorter ending": ("account.htm", BYTES, b"<p>Sign in</p>", Risk.PAGE),
    "a page that claims to be a drawing": ("account.html", "image/svg+xml", b"<p>Sign in</p>", Risk.PAGE),
    "a drawing with a script": ("logo.svg", "image/svg+xml", b"<svg><script>x</script></svg>", Risk.PAGE),
    "a drawing that does something": ("logo.svg", "image/svg+xml", b"<svg onload='x()'></svg>", Risk.PAGE),
    "a disk image": ("files.iso", BYTES, b"x", Risk.DISK_IMAGE),
    "a program in an archive": ("order.zip", "application/zip", zipped("a.txt", "b/order.scr"), Risk.ARCHIVE),
    "an archive in an archive": ("a.zip", BYTES, zipped("b.zip", content=zipped("c.exe")), Risk.ARCHIVE),
    "an archive by another name": ("order.pdf", "application/pdf", zipped("order.exe"), Risk.ARCHIVE),
    "a program in a tar": ("files.tar", BYTES, tarred("a.txt", "b.vbs"), Risk.ARCHIVE),
    "a program in a compressed tar": ("files.tgz", BYTES, gzip.compress(tarred("b.vbs")), Risk.ARCHIVE),
    "a compressed program": ("b.exe.gz", BYTES, gzip.compress(b"x"), Risk.ARCHIVE),
}
HARMLESS = {
    "a letter": ("letter.pdf", "application/pdf", b"%PDF-1.7"),
    "a picture": ("photo.jpg", "image/jpeg", b"\xff\xd8\xff"),
    "a table": ("table.xlsx", BYTES, zipped("xl/workbook.xml", "xl/media/image1.png")),
    "an older document": ("letter.doc", "application/msword", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600),
    "pictures in an archive": ("photos.zip", "application/zip", zipped("a.jpg", "b.png", "index.html")),
    "a log": ("server.log.gz", "application/gzip", gzip.compress(b"x")),
    "a drawing": ("logo.svg", "image/svg+xml", b"<svg><path d='M0 0'/></svg>"),
    "a word": ("exe", "text/plain", b"x"),
    "words that begin as programs do": ("notes.txt", "text/plain", b"MZ is where programs begin. " * 9),
    "an invitation": ("invite.ics", "text/calendar", b"BEGIN:VCALENDAR"),
    "a mail": ("message.eml", "message/rfc822", b"From: a@example.com\r\n\r\nHello"),
    "a damaged archive": ("a.zip", "application/zip", zipped("a.txt")[:-20]),
}


@pytest.mark.parametrize("what", HARMFUL)
def test_what_can_do_harm_is_known(what: str) -> None:
    filename, content_type, content, expected = HARMFUL[what]
    assert risk(filename, content_type, content) is expected


@pytest.mark.parametrize("what", HARMLESS)
def test_ordinary_files_are_left_alone(what: str) -> None:
    assert risk(*HARMLESS[what]) is None


@given(
    st.sampled_from(["a.zip", "a.gz", "a.tar", "a.doc", "a", "a.svg"]),
    st.sampled_from([b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"MZ", b"", zipped("a", "b"), gzip.compress(b"x")]),
    st.binary(max_size=600),
)
def test_whatever_a_file_holds_it_is_looked_at_without_an_error(name: str, start: bytes, rest: bytes) -> None:
    assert risk(name, BYTES, start + rest) in {None, *Risk}


def test_a_bomb_costs_no_more_than_its_limit() -> None:
    bomb = gzip.compress(b"\0" * (200 << 20), compresslevel=1)
    assert risk("a.tgz", "application/gzip", bomb) is None
