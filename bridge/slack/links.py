"""Links in mrkdwn: `<address|words>` where the words are honest, the address in sight where they are not.

Words are dishonest when they look like an address that is not where the link leads. Nothing is fetched or resolved.
"""

import re
import unicodedata
from urllib.parse import unquote, urlsplit

from bridge.slack.inert import MARKS, clean, escape_line

MAX_URL = 2_000
"""Longest address that is linked, in characters: a section holds 3,000, and no browser promises more."""

_MAX_SHOWN = 60  # characters of an address shown in the place of its words
_MAX_LOOK = 300  # characters of a link's words in which an address is looked for
_BARE = re.compile(r"(?<![\w@./-])https?://[^\s<>\"`|{}\\^\u200b]+", re.IGNORECASE)
_TRAILING = ".,;:!?'*_~»”’…。，、！？；："
_SCHEME = re.compile(r"(?:https?://|ftp://|mailto:|tel:)[^\s]", re.IGNORECASE)
_HOST = re.compile(r"[^\s@/:<>()\[\]\"'|,;!?]+\.[^\W\d_][^\s@/:<>()\[\]\"'|,;!?.]+")
_EMAIL = re.compile(r"[^\s@<>()\[\]\"',;:]+@[^\s@<>()\[\]\"',;:]+")
_UNSAFE = re.compile('[|<>\\\\`"\u200b ]')


def link(href: str, words: str, *, guarded: str = MARKS) -> str:
    """A link; its words alone where it leads nowhere that may be linked. Both as they stand in the mail.

    `guarded`: as in `inert.escape_line`.
    """
    words = clean(words).replace("\n", " ")
    address = _encoded(href)
    if not address:
        return escape_line(words, guarded=guarded)
    if not words.strip():
        return f"<{address}|{_shown(href)}>"
    if _is_honest(href, words[:_MAX_LOOK]):
        return f"<{address}|{escape_line(words, guarded=guarded)}>"
    return f"{escape_line(words, guarded=guarded)} (<{address}|{_shown(href)}>)"


def linked(text: str, *, guarded: str, before: str = "", after: str = "") -> str:
    """One clean line or a part of one, escaped as `escape_line` does, its bare http addresses made links."""
    if "://" not in text:
        return escape_line(text, guarded=guarded, before=before, after=after)
    out = []
    end = 0
    for match in _BARE.finditer(text):
        url = _trimmed(match[0]) if len(match[0]) <= MAX_URL else ""
        address = _encoded(url) if _host(url) else ""
        if address:
            out.append(escape_line(text[end : match.start()], guarded=guarded, before=before, after="<"))
            out.append(f"<{address}>")
            end, before = match.start() + len(url), ">"
    out.append(escape_line(text[end:], guarded=guarded, before=before, after=after))
    return "".join(out)


def _encoded(href: str) -> str:
    """The address as it may stand between `<` and `|`, or nothing."""
    href = "".join(clean(href).split("\n")).strip()
    if len(href) > MAX_URL or not _SCHEME.match(href):
        return ""
    return _UNSAFE.sub(lambda char: "".join(f"%{byte:02X}" for byte in char[0].encode()), href).replace("&", "&amp;")


def _is_honest(href: str, words: str) -> bool:
    """Whether the words, where they look like an address, look like this one."""
    words = unicodedata.normalize("NFKC", words).casefold()
    scheme, _, rest = href.partition(":")
    if scheme.lower() == "tel":
        said = re.sub(r"\D", "", words)
        return len(said) < 5 or said[-6:] == re.sub(r"\D", "", rest)[-6:]
    if scheme.lower() == "mailto":
        address = unquote(rest.partition("?")[0]).strip().casefold()
        return all(email.rstrip(".") == address for email in _EMAIL.findall(words)) and (
            "@" in words or "://" not in words
        )
    host = _host(href)
    if not host or (
        "://" in words and any(not _leads_to(host, url) for url in re.findall(r"\w+://([^\s/?#]+)", words))
    ):
        return False
    return all(_leads_to(host, said) for said in _HOST.findall(words))


def _leads_to(host: str, said: str) -> bool:
    """Whether the host is the one that was said, or under it."""
    said = said.rpartition("@")[2].partition(":")[0].removeprefix("www.").rstrip(".")
    return host.removeprefix("www.") == said or host.endswith(f".{said}")


def _host(url: str) -> str:
    """The host that a browser would ask, or nothing."""
    try:
        # A browser reads a backslash as a slash, the standard library as part of the name.
        return (urlsplit(url.replace("\\", "/")).hostname or "").casefold()
    except ValueError:
        return ""


def _shown(href: str) -> str:
    """The address as a person may judge it: its host in full and in ASCII, whatever else it holds cut short."""
    scheme, _, rest = clean(href).replace("\n", "").partition(":")
    if scheme.lower() in ("mailto", "tel"):
        return escape_line(clean(unquote(rest.partition("?")[0])[:_MAX_SHOWN]).replace("\n", " "), guarded=MARKS)
    host = _host(href)
    try:
        host = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        host = host.encode("ascii", "backslashreplace").decode()
    path = re.sub(r"^//[^/?#\\]*", "", rest)
    whole = f"{scheme.lower()}://{host}{path if path != '/' else ''}"
    length = max(_MAX_SHOWN, len(scheme) + 3 + len(host))
    return escape_line(whole[:length], guarded=MARKS) + ("…" if len(whole) > length else "")


def _trimmed(url: str) -> str:
    """Without the punctuation of the sentence that it ends."""
    while True:
        bare = url.rstrip(_TRAILING)
        for opening, closing in ("()", "[]"):
            if bare.endswith(closing) and bare.count(opening) < bare.count(closing):
                bare = bare[:-1]
        if bare == url:
            return url
        url = bare
