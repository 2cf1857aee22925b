"""Which files can do harm once they are opened, by their names and by what they hold.

Pure, and never raises. Narrow on purpose: what is named here is held back from people, so a letter's ordinary files
(texts, pictures, PDFs, office documents without macros, archives of such) must not be. Of archives the list of what is
in them is read, and the archives in them, one level deep and to a limit of bytes; what is encrypted shows its names.
"""

import gzip
import io
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from bridge.model import Attachment, Risk

ENDINGS = {
    Risk.PROGRAM: "a3x apk appinstaller application appx cab com cpl dll dmg exe gadget jar msi msix msp mst pif pkg"
    " scr wll xll",
    Risk.SCRIPT: "bat chm cmd hta inf ins isp jnlp js jse msc ps1 reg sct sh vb vbe vbs wsc wsf wsh",
    Risk.MACRO: "docm dotm mde one potm ppam ppsm pptm xlam xlsm xltm",
    Risk.SHORTCUT: "appref-ms asx library-ms lnk scf search-ms settingcontent-ms url",
    Risk.DISK_IMAGE: "img iso vhd vhdx",
    Risk.ARCHIVE: "ace arj",  # of kinds that hardly anything but malware uses
    Risk.PAGE: "htm html shtml svg xht xhtml",
}
"""Endings of file names that mean such a file."""
TYPES = {
    "application/hta": Risk.SCRIPT,
    "application/java-archive": Risk.PROGRAM,
    "application/javascript": Risk.SCRIPT,
    "application/vnd.ms-htmlhelp": Risk.SCRIPT,
    "application/x-executable": Risk.PROGRAM,
    "application/x-ms-shortcut": Risk.SHORTCUT,
    "application/x-msdos-program": Risk.PROGRAM,
    "application/x-msdownload": Risk.PROGRAM,
    "application/x-msi": Risk.PROGRAM,
    "application/x-sh": Risk.SCRIPT,
    "image/svg+xml": Risk.PAGE,
    "text/html": Risk.PAGE,
    "text/javascript": Risk.SCRIPT,
}
"""Content types that mean such a file."""

MOST_ENTRIES = 2_000  # of an archive's list
MOST_BYTES = 10 << 20  # of an archive within an archive, and of a compressed tar, that are unpacked
MOST_ARCHIVES = 10  # within one

_BY_ENDING = {ending: risk for risk, endings in ENDINGS.items() for ending in endings.split()}
_VBA = "_VBA_PROJECT".encode("utf-16-le")
_ACTIVE = re.compile(rb"<\s*(?:script|foreignobject|iframe)\b|javascript\s*:|\son[a-z]{3,20}\s*=", re.IGNORECASE)
_WITHIN = frozenset({Risk.PROGRAM, Risk.SCRIPT, Risk.MACRO, Risk.SHORTCUT, Risk.DISK_IMAGE})
_UNREADABLE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, ValueError,
    RuntimeError, NotImplementedError, LookupError,
)  # fmt: skip


def named(filename: str, content_type: str = "") -> Risk | None:
    """What a file is by its name (whose last ending counts, dots and spaces behind it do not) and its type."""
    return _BY_ENDING.get(_ending(filename)) or TYPES.get(content_type)


def _ending(filename: str) -> str:
    whole = filename.rstrip(" .").lower()
    return whole.rpartition(".")[2] if "." in whole else ""


def _is_drawing(filename: str, content_type: str) -> bool:
    """Whether a file counts as a page only because it is an SVG, which most often is a logo."""
    ending = _ending(filename)
    return ending == "svg" if ending in _BY_ENDING else content_type == "image/svg+xml"


def risk(filename: str, content_type: str, content: bytes) -> Risk | None:
    """Why a file can do harm when it is opened; None where nothing says so."""
    by_content = _by_magic(content)
    if by_content:
        return by_content
    if _is_drawing(filename, content_type):
        return Risk.PAGE if _ACTIVE.search(content) else None
    return named(filename, content_type) or _packed(filename, content)


def judged(file: Attachment) -> Attachment:
    """The file, with its risk."""
    found = risk(file.filename, file.content_type, file.content)
    return replace(file, risk=found) if found else file


def _by_magic(content: bytes) -> Risk | None:
    """What a file is by its first bytes, whatever it is called."""
    if content[:2] == b"MZ" and len(content) > 64:
        at = int.from_bytes(content[60:64], "little")
        return Risk.PROGRAM if content[at : at + 4] == b"PE\0\0" else None
    if content[:4] in {b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"}:
        return Risk.PROGRAM
    if content[:8] == b"\x4c\0\0\0\x01\x14\x02\0":
        return Risk.SHORTCUT
    if content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" and _VBA in content:
        return Risk.MACRO
    return None


# --- archives ---------------------------------------------------------------------------------------------------------


def _packed(filename: str, content: bytes) -> Risk | None:
    """Of an archive, or an office document of the newer kind, what is packed into it."""
    try:
        for name in _names(filename, content, inner=True):
            if name.lower().endswith("vbaproject.bin"):
                return Risk.MACRO
            if named(name) in _WITHIN:
                return Risk.ARCHIVE
    except _UNREADABLE:  # damaged: what was read of it was harmless, and no program will open the rest
        return None
    return None


def _names(filename: str, content: bytes, *, inner: bool) -> Iterator[str]:
    """The names of what is in an archive; `inner`: and of what is in the archives in it."""
    if content[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        yield from _in_zip(content, inner=inner)
    elif content[:3] == b"\x1f\x8b\x08":
        unpacked = gzip.GzipFile(fileobj=io.BytesIO(content)).read(MOST_BYTES)
        if _is_tar(unpacked):
            yield from _in_tar(unpacked)
        else:
            yield filename.lower().removesuffix(".gz")
    elif _is_tar(content):
        yield from _in_tar(content)


def _in_zip(content: bytes, *, inner: bool) -> Iterator[str]:
    archives = 0
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for one in archive.infolist()[:MOST_ENTRIES]:
            yield one.filename
            nested = inner and one.filename.lower().endswith((".zip", ".tgz", ".gz", ".tar"))
            if nested and not one.flag_bits & 1 and archives < MOST_ARCHIVES:
                archives += 1
                with archive.open(one) as file:
                    yield from _names(one.filename, file.read(MOST_BYTES), inner=False)


def _in_tar(content: bytes) -> Iterable[str]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        for _, one in zip(range(MOST_ENTRIES), archive, strict=False):
            yield one.name


def _is_tar(content: bytes) -> bool:
    return content[257:262] == b"ustar"
