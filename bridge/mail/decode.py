"""Header fields as people mean them: unfolded, encoded words read, parameters joined, fit to be shown.

Reads RFC 5322 folding, RFC 2047 encoded words and RFC 2231 parameters, and what mailers make of them: words split
within a character, within quotes, without their end, in unknown charsets; raw 8-bit text; parameters without quotes or
semicolons. Nothing here raises, and nothing lets control or bidi override characters through, which could forge what a
person sees (CVE-2021-42574). Linear in the length of the header.
"""

import re
import unicodedata
from urllib.parse import unquote_to_bytes

from bridge.mail.charset import decode, resolve
from bridge.mail.transfer import base64, quoted_printable

# Letters that a terminal or a page obeys instead of showing: C0, C1, bidi embeddings, overrides and isolates,
# lone surrogates, and the byte order mark.
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")  # of these the ones that make a text read another way round
_BLANKS = re.compile("[\t\r\n\x0b\x0c\x85\u2028\u2029]+")
_FOLD = re.compile(r"(?:\r\n|\r|\n)(?=[ \t])")
_WORD = re.compile(r"=\?([^?\s]{0,60})\?([bBqQ])\?(.*?)(?:\?=|\Z)", re.DOTALL)
_PARAMETER = re.compile(
    r"""(?<![^\s;"])([^\s=;"'()]++)[ \t]*=[ \t]*   # the name
        (?:"((?:[^"\\]|\\.|"(?!\s*(?:;|\Z|[\w*-]+\s*=)))*)(?:"|\Z)   # quoted; a quote that ends nothing is part of it
        |([^;]*))""",
    re.VERBOSE | re.DOTALL,
)
_UNQUOTED_NEXT = re.compile(r"\s(?:(?:file)?name\*?|charset|boundary)\s*=.*", re.IGNORECASE | re.DOTALL)
_SECTION = re.compile(r"(.+?)\*(\d{1,4})?(\*)?", re.DOTALL)
_EXTENDED = re.compile(r"([\w.:+-]*)'([\w-]*)'(.*)", re.DOTALL)
_PERCENT = re.compile(r"%[C-Fc-f][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]")
# A file system's usual limit for one name is 255 bytes.
_LONGEST_NAME = 255


def unfold(raw: bytes, *, hint: str = "") -> str:
    """A header's raw value as one line of text, encoded words still encoded. `hint`: the charset of raw 8-bit text."""
    text = raw.decode("ascii") if raw.isascii() and b"\x1b" not in raw else decode(raw, "", hint=hint)
    return _FOLD.sub("", text).strip() if "\n" in text or "\r" in text else text.strip()


def clean(text: str) -> str:
    """One line fit to be shown: control and bidi override characters gone, line ends and tabs made spaces."""
    if text.isprintable():
        return text.strip()
    return _OBEYED.sub("", _BLANKS.sub(" ", text)).strip()


def without_bidi(text: str) -> str:
    """A text of several lines without bidi embeddings, overrides and isolates."""
    return text if text.isascii() else _BIDI.sub("", text)


def header(raw: bytes, *, hint: str = "") -> str:
    """A header's raw value as a person reads it."""
    return clean(words(unfold(raw, hint=hint)))


def words(text: str) -> str:
    """`text` with its encoded words (RFC 2047) decoded, wherever they stand, also within quotes.

    Adjacent words of one charset are joined before they are decoded: mailers split them within a character.
    """
    if "=?" not in text:
        return text
    read: list[str] = []
    run: list[re.Match[str]] = []
    at = 0
    for word in _WORD.finditer(text):
        gap = text[at : word.start()]
        if run and gap.strip():
            read.append(_run(run))
            run = []
        if not run:
            read.append(gap)
        run.append(word)
        at = word.end()
    if run:
        read.append(_run(run))
    read.append(text[at:])
    return "".join(read)


def _run(run: list[re.Match[str]]) -> str:
    """Adjacent encoded words as text."""
    text: list[str] = []
    charset, held = "", bytearray()
    payload = ""  # base64 that goes on in the next word
    for number, word in enumerate(run):
        if word[1].lower() != charset or not held:
            text.append(decode(bytes(held), charset) if held else "")
            charset, held = word[1].lower(), bytearray()
        if word[2] in "qQ":
            held += _q(_payload(word), charset)
            continue
        payload += "".join(_payload(word).split())
        if number + 1 < len(run) and _goes_on(payload, run[number + 1]):
            continue
        held += base64(payload.encode("utf-8"))
        payload = ""
    text.append(decode(bytes(held), charset))
    return "".join(text)


def _payload(word: re.Match[str]) -> str:
    """What stands in an encoded word; of an end that was cut off, its question mark is no part of that."""
    return word[3] if word[0].endswith("?=") else word[3].removesuffix("?")


def _goes_on(payload: str, following: re.Match[str]) -> bool:
    """Whether base64 was split between two letters of four, and did not just lose its padding."""
    if len(payload) % 4 == 0 or payload.endswith("=") or following[2] in "qQ":
        return False
    rest = len("".join(following[3].split()))
    return len(payload) % 4 == 1 or (rest % 4 != 0 and (len(payload) + rest) % 4 == 0)


def _q(payload: str, charset: str) -> bytes:
    """The bytes of a Q-encoded word."""
    # Raw letters within the word are in its own charset, where that has them.
    raw = payload.encode("ascii" if payload.isascii() else resolve(charset) or "utf-8", "replace")
    return quoted_printable(raw.replace(b"_", b"=20"))


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """A structured header's main value (lower case) and its parameters, decoded, names in lower case (RFC 2231).

    Of two spellings of one parameter (`filename` and `filename*`) the extended one counts.
    """
    main, semicolon, rest = value.partition(";")
    if not semicolon and "=" in main:  # a forgotten semicolon: "text/plain charset=utf-8"
        main, _, rest = main.strip().partition(" ")
        if "=" in main:
            main, rest = "", value
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for found in _PARAMETER.finditer(rest):
        name = found[1].lower()
        part = re.sub(r'\\(["\\])', r"\1", found[2]) if found[2] is not None else _UNQUOTED_NEXT.sub("", found[3])
        split = _SECTION.fullmatch(name)
        if split is None:
            plain.setdefault(name, words(part.strip()))
            continue
        number = int(split[2]) if split[2] else 0
        extended = split[3] is not None or split[2] is None
        sections.setdefault(split[1], {}).setdefault(number, (part.strip("\r\n"), extended))
    for name, numbered in sections.items():
        plain[name] = _joined([numbered[number] for number in sorted(numbered)])
    return re.sub(r"\([^()]*\)|\s", "", main).strip("\"'").lower(), plain


def _joined(parts: list[tuple[str, bool]]) -> str:
    """Continuations (RFC 2231 sections 3 and 4) as one text; the first extended one names the charset of all."""
    charset = ""
    raw = bytearray()
    for number, (part, extended) in enumerate(parts):
        if not extended:
            raw += part.encode(resolve(charset) or "utf-8", "replace")
            continue
        found = _EXTENDED.fullmatch(part) if number == 0 else None
        if found:
            charset, part = found[1], found[3]  # noqa: PLW2901 - the same part without its charset
        raw += unquote_to_bytes(part)
    return words(decode(bytes(raw), charset))


def unquoted(text: str) -> str:
    """A name whose letters beyond ASCII stand as a URL's `%C3%A9`, read; any other as it is."""
    if not _PERCENT.search(text) or not text.isascii():
        return text
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        return text


def filename(text: str) -> str:
    """A file's name fit to be shown and stored: no path, no control characters, at most 255 bytes; may be empty."""
    name = re.split(r"[/\\]", clean(text).rstrip("/\\ "))[-1].strip(' "')
    if len(name) > 2 and name[0] == name[-1] == "'":
        name = name[1:-1].strip()
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    if not name.strip("."):
        return ""
    if len(name.encode("utf-8", "replace")) <= _LONGEST_NAME:
        return name
    stem, dot, ending = name.rpartition(".")
    ending = f"{dot}{ending}" if stem and len(ending) <= 16 else ""
    kept = name.encode("utf-8", "replace")[: _LONGEST_NAME - len(ending.encode())].decode("utf-8", "ignore")
    return kept.removesuffix(ending) + ending
