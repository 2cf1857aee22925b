"""Bytes to text, for mail whose declared charset is often missing, unknown or untrue.

`decode` never raises and never drops bytes silently: what no charset explains becomes U+FFFD. The order is the one that
reads most real mail right: the declared charset, strictly, in the superset that senders mean (gb2312 is gb18030,
iso-8859-1 is windows-1252, RFC 1345 names as browsers read them), then strict UTF-8, then detection, then replacement.
"""

import codecs
import re
from functools import lru_cache

import chardet

_SUPERSETS = {
    "ascii": ("utf-8",),
    "iso8859-1": ("cp1252", "latin-1"),
    "cp1252": ("cp1252", "latin-1"),
    "iso8859-9": ("cp1254", "iso8859-9"),
    "iso8859-11": ("cp874",),
    "tis-620": ("cp874",),
    "gb2312": ("gb18030",),
    "gbk": ("gb18030",),
    "big5": ("cp950", "big5hkscs"),
    "cp950": ("cp950", "big5hkscs"),
    "euc_kr": ("cp949",),
    "shift_jis": ("cp932", "shift_jis_2004"),
    "cp932": ("cp932", "shift_jis_2004"),
    "euc_jp": ("euc_jp", "euc_jis_2004"),
    "iso2022_jp": ("iso2022_jp_ext",),
    "iso2022_jp_1": ("iso2022_jp_ext",),
    "iso2022_jp_2": ("iso2022_jp_2", "iso2022_jp_ext"),
    "iso2022_jp_3": ("iso2022_jp_3", "iso2022_jp_ext"),
}
_ALIASES = {
    "ansi": "cp1252",
    "latin-9": "iso8859-15",
    "latin-5": "iso8859-9",
    "iso-gb2312": "gb18030",
    "ms932": "cp932",
    "ms949": "cp949",
    "macroman": "mac_roman",
    "mac-ce": "mac_latin2",
    "unicode": "utf-16",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-6-i": "iso8859-6",
    "iso-8859-6-e": "iso8859-6",
    "cp50220": "iso2022_jp",
    "cp50221": "iso2022_jp",
    "cp51932": "euc_jp",
}
# Text codecs that are no charsets of mail; punycode and idna also take more than linear time.
_NOT_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
# Charsets whose ASCII bytes do not always mean ASCII characters.
_NOT_ASCII = re.compile(r"iso2022|utf-?_?7|utf-?_?16|utf-?_?32|hz|cp037|cp500|cp1026|cp1140|cp273|cp424|cp875")
_LIKE_LATIN_1 = frozenset({"iso8859-1", "cp1252", "ascii"})
_FAMILIES = (
    (re.compile(r"utf[-_ ]?8"), "utf-8"),
    (re.compile(r"iso[-_ ]?8859[-_ ]?(\d{1,2})"), r"iso8859-\1"),
    (re.compile(r"(?:windows|win|cp|ms)[-_ ]?(\d{3,5})"), r"cp\1"),
    (re.compile(r"gb[-_ ]?(?:2312|k|18030)"), "gb18030"),
)
# Detection reads this many bytes: more changes no verdict and costs time.
_SAMPLE = 16_384
_ORDER_MARKS = frozenset({codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE})
_SURROGATE = re.compile("[\ud800-\udfff]")
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_FOREIGN = re.compile("[\u0370-\u06ff\u3400-\u9fff\uac00-\ud7af]")
_FOREIGN_BESIDE_LATIN = re.compile(f"(?:[A-Za-z]{_FOREIGN.pattern})|(?:{_FOREIGN.pattern}[A-Za-z])")
_LONG_MULTIBYTE = re.compile(rb"[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_C1 = re.compile(rb"[\x80-\x9f]")
_LETTER = re.compile(rb"[A-Za-z\x80-\xff]")
_FEW = 8  # bytes beyond ASCII, of which nothing can be concluded
_CYRILLIC = {"cp1251": "koi8-r", "koi8-r": "cp1251", "koi8-u": "cp1251"}
_INSIDE_OUT = re.compile("\\b[а-яё][А-ЯЁ]{2,}")
# What mail programs on Windows write under the label of a standard that has no letters where these have some.
_WINDOWS = {
    "iso8859-2": "cp1250", "iso8859-7": "cp1253", "iso8859-8": "cp1255", "iso8859-13": "cp1257", "iso8859-15": "cp1252",
}  # fmt: skip
_NARROW_KANA = re.compile("[\uff61-\uff9f]")
_HZ = re.compile(rb"~\{[\x21-\x77][\x21-\x7e].{0,200}?~\}", re.DOTALL)
_KANA = re.compile("[\u3040-\u30ff]")
_META = re.compile(rb"<meta\b[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_ESCAPE = re.compile(rb"\x1b(\$[@B]|\([BJI])")
_LOST_ESCAPES = re.compile(rb"\$([@B])((?:[\x21-\x7e]{2}){1,60}?)\(([BJ])")


def decode(data: bytes, charset: str = "", *, hint: str = "") -> str:
    """The text of `data`, whose declared charset (any spelling, may be empty or wrong) is `charset`.

    `hint` is tried where the declared one and UTF-8 do not fit, before detection.
    """
    codec = resolve(charset)
    if data[:2] in _ORDER_MARKS and b"\0" in data[:_SAMPLE] and not codec.startswith("utf"):
        codec = "utf-16"
    if codec.startswith(("utf-16", "utf-32")) and data.isascii() and b"\0" not in data:
        codec = ""  # a label that no converter made true
    if codec == "utf-16" and data[:2] not in _ORDER_MARKS:
        # Without a mark of its order: Latin letters have their zero first in big-endian text.
        sample = data[:_SAMPLE]
        codec = "utf-16-be" if sample[::2].count(0) > sample[1::2].count(0) else "utf-16-le"
    if data.isascii() and not _NOT_ASCII.search(codec):
        if b"\x1b" not in data:
            hz = not codec and b"~{" in data and _HZ.search(data)
            return (hz and _strictly(data, "hz")) or data.decode("ascii")
        codec = "iso2022_jp"
    if codec in _LIKE_LATIN_1 or (codec != "utf-8" and _is_utf8_by_its_looks(data)):
        # Labelled with a default of old software, but nobody writes valid UTF-8 sequences in Latin-1 by chance.
        text = _strictly(data, "utf-8")
        if text is not None:
            return text
    if codec.startswith("iso2022_jp") and data.isascii():
        return _jis(data, codec)
    codec = _mended(data, codec)
    for candidate in (*_SUPERSETS.get(codec, (codec,)), "utf-8", *_SUPERSETS.get(resolve(hint), (resolve(hint),))):
        text = _strictly(data, candidate)
        if text is not None:
            return text
    return _guess(data, codec)


def _is_utf8_by_its_looks(data: bytes) -> bool:
    """Whether the beginning holds several UTF-8 sequences, and no other byte beyond ASCII: no other charset's text."""
    sample = data[:_SAMPLE]
    return len(_HIGH.findall(_MULTIBYTE.sub(b"", sample))) <= (3 if len(data) > _SAMPLE else 0) and (
        len(_LONG_MULTIBYTE.findall(sample)) > 2 or len(_MULTIBYTE.findall(sample)) > 5
    )


def _mended(data: bytes, codec: str) -> str:
    """The charset of text whose label is one that its own software takes for another, told by what it would show."""
    sample = data[:_SAMPLE]
    high = len(_HIGH.findall(sample))
    if codec in _LIKE_LATIN_1:
        # A third of a western text's letters at the most have accents; where nearly all do, it is another script.
        return "" if high > _FEW and 2 * high > len(_LETTER.findall(sample)) else codec
    if codec in _CYRILLIC:
        shown = sample.decode(codec, "replace")
        # Each of the two shows the other's small letters as capitals.
        return _CYRILLIC[codec] if len(_INSIDE_OUT.findall(shown)) > 1 else codec
    if codec in _WINDOWS and _C1.search(sample):
        return _WINDOWS[codec]
    if codec in {"shift_jis", "cp932"}:
        narrow = len(_NARROW_KANA.findall(sample.decode("cp932", "replace")))
        return "euc_jp" if 4 * narrow > high > _FEW and _strictly(data, "euc_jp") is not None else codec
    return codec


def declared_in_html(data: bytes) -> str:
    """The charset that an HTML document declares of itself in its first 4 KB, or an empty string."""
    found = _META.search(data[:4096])
    return found[1].decode("ascii") if found else ""


@lru_cache(maxsize=512)
def resolve(charset: str) -> str:
    """Python's own name of the codec that `charset` means, or an empty string where it means none."""
    name = charset.strip().strip("\"'").strip().lower().removeprefix("charset=").strip("\"' ;").removeprefix("3d")
    name = name.strip("\"'").removeprefix("x-").split("*")[0]
    if not name or len(name) > 60 or not name.isascii():
        return ""
    known = _lookup(_ALIASES.get(name, name))
    if known:
        return known
    for family, codec in _FAMILIES:
        found = family.search(name)
        if found:
            return _lookup(found.expand(codec))
    return ""


def _lookup(name: str) -> str:
    if not re.fullmatch(r"[\w .:+-]+", name, re.ASCII):
        return ""
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError, ImportError):
        return ""
    return info.name if info._is_text_encoding and info.name.replace("-", "_") not in _NOT_CHARSETS else ""  # noqa: SLF001 - no public way


def _strictly(data: bytes, codec: str) -> str | None:
    if not codec:
        return None
    try:
        text = data.decode(codec)
    except (UnicodeError, LookupError, ValueError):
        return None
    if codec.startswith("utf") and codec != "utf-8":
        text = _SURROGATE.sub("\ufffd", text)
    return text.removeprefix("\ufeff")


def _guess(data: bytes, codec: str) -> str:
    """Neither the declared charset nor UTF-8 fits: a damaged multibyte text, or another charset altogether."""
    if codec in {"", "utf-8", "ascii"}:
        whole = len(_MULTIBYTE.findall(data))
        broken = data.decode("utf-8", "replace").count("\ufffd")
        if whole > broken:
            return data.decode("utf-8", "replace").removeprefix("\ufeff")
    japanese = _strictly(data, "euc_jp")
    if japanese and 4 * len(_KANA.findall(japanese)) > len(
        japanese
    ):  # which detection takes for Arabic where it is short
        return japanese
    if len(_HIGH.findall(data[:_SAMPLE])) < 3:
        return data.decode("cp1252", "replace")
    verdict = chardet.detect(data[:_SAMPLE], encoding_era=chardet.EncodingEra.MODERN_WEB)["encoding"]
    detected = resolve(verdict or "")
    for candidate in _SUPERSETS.get(detected, (detected,)):
        text = _strictly(data, candidate)
        if text is not None:
            return text if not _mixes_scripts(text) else data.decode("cp1252", "replace")
    if codec and codec not in _LIKE_LATIN_1:
        return _SURROGATE.sub("\ufffd", data.decode(codec, "replace"))
    return data.decode(detected or "cp1252", "replace")


def _mixes_scripts(text: str) -> bool:
    """Whether letters of another script stand within Latin words: then they are misread accents."""
    foreign = len(_FOREIGN.findall(text, 0, _SAMPLE))
    return foreign > 0 and 2 * len(_FOREIGN_BESIDE_LATIN.findall(text, 0, _SAMPLE)) >= foreign


def _jis(data: bytes, codec: str) -> str:
    """ISO-2022-JP. Some relays drop its ESC bytes; what is left (`$B...(B`) is put back."""
    if b"\x1b" not in data:
        data = _LOST_ESCAPES.sub(b"\x1b$\\1\\2\x1b(\\3", data)
    texts = (_strictly(data, candidate) for candidate in _SUPERSETS.get(codec, (codec,)))
    return next((text for text in texts if text is not None), None) or _vendor_jis(data)


def _vendor_jis(data: bytes) -> str:
    """ISO-2022-JP as Windows writes it (cp50221): with NEC's and IBM's characters, which Python's codecs refuse."""
    pieces = _ESCAPE.split(data)
    text = [pieces[0].decode("ascii", "replace")]
    for escape, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if escape in {b"$@", b"$B"}:
            text.append(_shifted(piece).decode("cp932", "replace"))
        elif escape == b"(I":
            text.append(bytes(byte | 0x80 if 0x20 < byte < 0x60 else byte for byte in piece).decode("cp932", "replace"))
        else:
            text.append(piece.decode("ascii", "replace"))
    return "".join(text)


def _shifted(jis: bytes) -> bytes:
    """JIS X 0208 rows and cells (two 7-bit bytes a character) as Shift_JIS bytes; line ends stay."""
    shifted = bytearray()
    at = 0
    while at < len(jis):
        if jis[at] < 0x21 or at + 1 == len(jis):
            shifted.append(jis[at])
            at += 1
            continue
        row, cell = jis[at], jis[at + 1]
        lead = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
        trail = cell + (0x1F if cell < 0x60 else 0x20) if row % 2 else cell + 0x7E
        shifted += bytes((min(lead, 0xFF), min(trail, 0xFF)))
        at += 2
    return bytes(shifted)
