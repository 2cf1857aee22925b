"""Content-Transfer-Encoding (RFC 2045 section 6) and uuencode undone, for content that is often damaged.

No function raises; each reads what can be read. Linear in the size of its input.
"""

import binascii
import re

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/ \t\r\n"
_FOREIGN = re.compile(rb"[^A-Za-z0-9+/=\s]+")
# Bytes looked through at once, so that checking a large file needs no second copy of it.
_STEP = 1 << 20
_PADDING = re.compile(rb"=[=\s]*")
_SOFT_BREAK_WITH_SPACES = re.compile(rb"=[ \t]+(?=\r?\n)")
_ENCODING = re.compile(
    r"(?P<base64>base[-_ ]?64|^\W*b\W*$)|(?P<quoted_printable>quoted\W?print\w*|^\W*qp?\W*$)"
    r"|(?P<uuencode>uu-?(?:enc\w*|e)\b)"
)
_ENDING = re.compile(rb"(?<==)(?:20|0[AD])\s*\Z")  # quoted-printable's, where something undid both
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
# A line that no encoder writes: words with blanks between them, a rule, the two dashes that a list sets above its own.
_DASHES = rb"-{2,3}[ \t]*+\r?$"
_WORDY_LINE = re.compile(rb"^(?:" + _DASHES + rb"|[ \t>]*(?:[^\s]+[ \t]+[^\s]|[^A-Za-z0-9+/=\s]{4,}).*$)", re.MULTILINE)
_DASHED = re.compile(_DASHES)
_SPACE_WITHIN = re.compile(rb"\S[ \t]+\S")
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]|[\xf8-\xff]")
_SHORT = 200  # bytes that are looked at for words
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,255}?)[ \t]*\r?\n", re.MULTILINE)


def undo(data: bytes | memoryview, encoding: str) -> bytes:
    """The content that `data` carries under a Content-Transfer-Encoding as written; unknown ones are identity."""
    found = _ENCODING.search(encoding[:100].lower())
    name = found.lastgroup if found else ""
    if name == "base64":
        return base64(data)
    if name == "quoted_printable":
        return quoted_printable(bytes(data))
    if name == "uuencode":
        files, _ = uuencoded(bytes(data), most=1)
        return files[0][1] if files else bytes(data)
    return bytes(data)


def base64(data: bytes | memoryview) -> bytes:
    """Base64 without trust: stray bytes are skipped, missing padding is added, several padded runs are joined.

    Words that stand behind it, as mailing lists put them there, are kept as they stand; so is what is plainly not
    base64 at all.
    """
    if _are_words(data):
        return bytes(data)
    padding = _not_letters(data)
    if padding in {b"", b"=", b"=="} and bytes(data[-80:]).rstrip().endswith(padding):
        try:
            return binascii.a2b_base64(data)
        except binascii.Error:
            pass
    text = bytes(data)
    end = _end_of_base64(text)
    if not text[:end].strip():
        return text
    decoded = _forgiving(text[:end])
    return decoded + b"\n" + text[end:] if end < len(text) else decoded


def _forgiving(data: bytes) -> bytes:
    """Damaged base64, as far as it can be read."""
    if b"-" in data or b"_" in data:
        data = data.translate(_URL_SAFE)
    data = _ENDING.sub(b"", data)
    decoded = bytearray()
    for run in _PADDING.split(_FOREIGN.sub(b"", data)):
        letters = b"".join(run.split())
        letters = letters[: len(letters) - (len(letters) % 4 == 1)]
        decoded += binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
    return bytes(decoded)


def _are_words(data: bytes | memoryview) -> bool:
    """Whether short content, although made of base64's letters, is a text: its own letters would read as controls."""
    if len(data) > _SHORT:
        return False
    text = bytes(data).strip()
    first, _, others = text.partition(b"\n")
    if not _SPACE_WITHIN.search(first) and (others or len(text) % 4 != 1):
        return False
    return _CONTROLS.search(_forgiving(text)) is not None


def _end_of_base64(text: bytes) -> int:
    """Where the words begin that stand behind base64: 0 where all of it is words, its end where nothing is."""
    for line in _WORDY_LINE.finditer(text):
        if _DASHED.match(line[0]):
            return line.start()
        above = text[max(0, line.start() - _SHORT) : line.start()]
        before = above.rstrip()
        if not before or before.endswith(b"=") or above.count(b"\n", len(before)) > 1:
            return line.start()
        if len(line[0]) - len(_FOREIGN.sub(b"", line[0])) > len(line[0]) // 4:
            return line.start()
    return len(text)


def _not_letters(data: bytes | memoryview) -> bytes:
    """What of `data` is no letter of the base64 alphabet, in its order, at least its first such bytes."""
    rest = b""
    for at in range(0, len(data), _STEP):
        rest += bytes(data[at : at + _STEP]).translate(None, _BASE64)
        if len(rest) > 2:
            break
    return rest


def quoted_printable(data: bytes) -> bytes:
    """Quoted-printable; what is no valid escape stays as written."""
    if b"= " in data or b"=\t" in data:
        data = _SOFT_BREAK_WITH_SPACES.sub(b"=", data)
    return binascii.a2b_qp(data)


def uuencoded(data: bytes, *, most: int) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The first `most` files (name, content) that stand uuencoded within `data`, and what is left without them."""
    files: list[tuple[bytes, bytes]] = []
    kept = bytearray()
    at = 0
    while len(files) < most and (begin := _UU_BEGIN.search(data, at)):
        content, after = _uu(data, begin.end())
        if content is None:
            kept += data[at : begin.end()]
            at = begin.end()
            continue
        files.append((begin[1], content))
        kept += data[at : begin.start()]
        at = after
    kept += data[at:]
    return files, bytes(kept)


def _uu(data: bytes, at: int) -> tuple[bytes | None, int]:
    """The bytes of the uuencoded lines from `at` to `end`, and where they end; None where they are words, not code."""
    decoded = bytearray()
    while at < len(data):
        after = data.find(b"\n", at) + 1 or len(data)
        line = data[at:after].rstrip(b"\r\n")
        at = after
        if line.rstrip() == b"end":
            return bytes(decoded), at
        length = (line[0] - 32) & 63 if line else 0
        if length and len(line) - 1 > (length + 2) // 3 * 4 + 2:
            return None, at
        try:
            # Cut to what the length says: some encoders write a checksum or padding behind it.
            decoded += binascii.a2b_uu(line[: 1 + (length + 2) // 3 * 4])
        except binascii.Error:
            return None, at
    return None, at
