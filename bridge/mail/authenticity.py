"""Signs of whether a mail is what it says: results of trusted servers (RFC 8601), where answers go, risky files.

Pure; nothing here raises or decides, it gathers for a reader. Anybody can write an Authentication-Results field, so
only those count that name a server which the mailbox's owner trusts (RFC 8601 section 5), and of these the topmost,
with those that stand beside it above every Received: what is below one of these was there before the mail came.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from bridge.mail.risks import named
from bridge.model import Address, Attachment, Authenticity

_FIELD = "authentication-results"
_MOST_FIELDS = 20  # Authentication-Results fields that are looked at
_LONGEST = 10_000  # characters of one of them
_RESULT = re.compile(r"\s*([a-z][a-z0-9-]{0,30})(?:\s*/\s*\d{1,3})?\s*=\s*([a-z]{1,20})\b", re.IGNORECASE)
_SIGNER = re.compile(r"\bheader\.(?:d|i)\s*=\s*\"?@?(?:[^\s;@\"]*@)?([\w.-]{1,255})", re.IGNORECASE)
# Letters that are drawn alike, each as the one it is taken for (after Unicode TS 39's confusables, Latin's part).
_ALIKE = str.maketrans(
    "аеорсухіјѕԁԛԝһӏɡɩοανρτυικⅼ01|$5ß",
    "aeopcyxijsdqwhlgioavptuiklollssb",
)  # fmt: skip
_ALIKE_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("nn", "m"))
_SHORTEST = 4  # characters of a domain without its last label, for a letter's difference to mean anything


def authenticity(
    headers: Iterable[tuple[str, str]],
    *,
    trusted: Collection[str],
    author: Address,
    reply_to: Sequence[Address],
    attachments: Sequence[Attachment],
) -> Authenticity | None:
    """What speaks for and against a mail, or None where nothing does.

    `headers`: all fields, topmost first; `trusted`: authserv-ids, lower case; the empty one trusts fields that name no
    server, as Microsoft 365 writes them (and there removes those of others).
    """
    server, spoken, signers = _spoken(headers, trusted)
    found = Authenticity(
        server=server,
        spf=spoken.get("spf", ""),
        dkim=spoken.get("dkim", ""),
        dmarc=spoken.get("dmarc", ""),
        signers=signers,
        reply_to=_elsewhere(author, reply_to),
        risky=tuple(one.filename for one in attachments if is_risky(one)),
    )
    return found if found != Authenticity() else None


def is_risky(file: Attachment) -> bool:
    """Whether opening the file may run what its sender wants: programs, scripts, macros, disk images, pages."""
    return file.risk is not None or named(file.filename, file.content_type) is not None


def lookalike(domain: str, known: Iterable[str]) -> str | None:
    """The known domain that this one is drawn like, or differs from by one letter; None where there is none.

    A known domain and its subdomains are like nothing but themselves.
    """
    return lookalikes([domain], known).get(domain)


def lookalikes(domains: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """As `lookalike`, for several domains: those that look like a known one, each with that one."""
    others = {_unicode(one): one for one in known}
    drawn_like = {_drawn(one): written for one, written in reversed(others.items())}
    found: dict[str, str] = {}
    for domain in domains:
        wanted = _unicode(domain)
        labels = wanted.split(".")
        if not wanted or any(".".join(labels[place:]) in others for place in range(len(labels))):
            continue
        near = drawn_like.get(_drawn(wanted)) or next(
            (
                written
                for one, written in others.items()
                if len(one.rpartition(".")[0]) >= _SHORTEST
                and abs(len(one) - len(wanted)) <= 1
                and _one_letter_apart(wanted, one)
                and abs(len(one) - len(wanted)) <= 1
                and _one_letter_apart(wanted, one)
            ),
            None,
        )
        if near:
            found[domain] = near
    return found


def _spoken(
    headers: Iterable[tuple[str, str]], trusted: Collection[str]
) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """The trusted server, its result for each method, and the domains whose DKIM signature passed.

    A server whose filters write a field each puts them all on top, or all below its own Received: there nothing parts
    them from what a forger wrote first in his mail, so only the topmost counts. None takes back what one above says.
    """
    server, spoken, signers = "", dict[str, str](), dict[str, None]()
    heard = False
    for value, on_top in _results(headers):
        if heard and not on_top:
            break
        name, *statements = _statements(value[:_LONGEST])
        if "=" in name:
            name, statements = "", [name, *statements]
        name = name.split()[0].strip('"').lower() if name.split() else ""
        if name not in trusted or (heard and name != server):
            continue
        server, heard = name, True
        above = frozenset(spoken)
        for statement in statements:
            found = _RESULT.match(statement)
            if not found or (method := found[1].lower()) in above:
                continue
            result = found[2].lower()
            spoken[method] = "pass" if spoken.get(method) == "pass" and method == "dkim" else result
            if (method, result) == ("dkim", "pass") and (signer := _SIGNER.search(statement)):
                signers[signer[1].lower().strip(".")] = None
    return server, spoken, tuple(signers)


def _results(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bool]]:
    """The first Authentication-Results fields, each with whether it stands above the topmost Received."""
    fields = [(name.lower(), value) for name, value in headers if name.lower() in ("received", _FIELD)]
    first = next((place for place, (name, _) in enumerate(fields) if name == "received"), 0)
    found = ((value, place < first) for place, (name, value) in enumerate(fields) if name == _FIELD)
    return islice(found, _MOST_FIELDS)


def _statements(value: str) -> list[str]:
    """A field's parts between semicolons, without its comments."""
    parts: list[str] = [""]
    depth = 0
    quoted = False
    for piece in re.findall(r'\\.|[()";]|[^\\()";]+|\\', value, re.DOTALL):
        if piece == '"' and not depth:
            quoted = not quoted
        elif not quoted and piece in "()":
            depth = max(0, depth + (1 if piece == "(" else -1))
        elif piece == ";" and not quoted and not depth:
            parts.append("")
        elif not depth:
            parts[-1] += piece
    return parts


def _elsewhere(author: Address, reply_to: Sequence[Address]) -> str:
    """The domain of the first answer's address that has nothing in common with the author's."""
    own = _domain(author)
    for one in reply_to:
        other = _domain(one)
        if own and other and not (f".{own}".endswith(f".{other}") or f".{other}".endswith(f".{own}")):
            return other
    return ""


def _domain(address: Address) -> str:
    return address.email.rpartition("@")[2].lower().strip(".") if "@" in address.email else ""


def _unicode(domain: str) -> str:
    """A domain in lower case, in its own script."""
    domain = unicodedata.normalize("NFKC", domain.strip().strip(".").lower())[:255]
    if "xn--" not in domain:
        return domain
    return ".".join(_label(label) for label in domain.split("."))


def _label(label: str) -> str:
    try:
        return label[4:].encode("ascii").decode("punycode") if label.startswith("xn--") else label
    except UnicodeError:
        return label


def _drawn(domain: str) -> str:
    """The domain as the eye takes it: without marks on its letters, those that look alike made one."""
    bare = "".join(one for one in unicodedata.normalize("NFD", domain) if not unicodedata.combining(one))
    drawn = bare.translate(_ALIKE)
    for pair, letter in _ALIKE_PAIRS:
        drawn = drawn.replace(pair, letter)
    return drawn


def _one_letter_apart(one: str, other: str) -> bool:
    """Whether a letter was added, left out, changed, or two neighbours were swapped."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest, others = one[start:], other[start:]
    if len(one) == len(other):
        swapped = rest[:2] == others[1::-1] and rest[2:] == others[2:]
        return rest[1:] == others[1:] or swapped
    longer, shorter = (rest, others) if len(rest) > len(others) else (others, rest)
    return longer[1:] == shorter
