"""Real, tiny files made in code, so that the demo's mails carry something to open: a PNG (RFC 2083) and a PDF 1.4."""

import struct
import zlib
from collections.abc import Callable, Sequence

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""


def png(width: int, height: int, colour_at: Callable[[int, int], Colour]) -> bytes:
    """An 8-bit RGB picture; `colour_at(x, y)` says each pixel, from the top left."""
    rows = b"".join(b"\0" + bytes(part for x in range(width) for part in colour_at(x, y)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def pdf(lines: Sequence[str]) -> bytes:
    """One A5 page with these lines of text (Latin-1), the first as its title."""
    shown = [
        f"BT /F1 {18 if row == 0 else 11} Tf 40 {540 - 24 * row} Td ({_escaped(line)}) Tj ET"
        for row, line in enumerate(lines)
    ]
    stream = "\n".join(shown).encode("latin-1", "replace")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 420 595] /Contents 5 0 R /Resources 6 0 R >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Font << /F1 4 0 R >> >>",
    ]
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
