"""HTML before it reaches the parser: bounded in size, depth and attributes, so that parsing takes linear time.

The parser follows the HTML standard's tree construction, which is quadratic in open elements, in attributes of one
element, and in formatting elements that each new paragraph opens again (a document of 40 kB can ask for gigabytes).
Small documents cannot hurt and pass unchanged. Larger ones are taken apart by the standard's tokenization
(https://html.spec.whatwg.org/multipage/parsing.html#tokenization) and put together again from what they may hold.

It must not decide what is shown: except for what lies past the limits, no text is lost here.
"""

import re

MAX_CHARS = 2_000_000
"""Longest HTML that is read, in characters: far above any letter, and a second's work at most."""

_SMALL_CHARS = 60_000  # 15,000 attributes on one element fit in it: 0.4 s, the worst of its size
_SMALL_TAGS = 1_000  # the worst 1,000 tags make 250,000 elements: 0.1 s
_MAX_DEPTH = 512  # open block elements; 500 nested tables are the deepest seen
_MAX_FORMATTING = 16  # open formatting elements, each of which every paragraph may open again
_MAX_NODES = 60_000  # elements, those opened again too; cells count as several: a table of 2,800 rows by five
_CELL = 4  # elements whose work a table's cell costs, which is laid out a second time with its row
_MAX_ATTRIBUTES = 20_000  # characters of attributes of one tag, inline images taken out

_DATA_URL = re.compile(r"data:image/[^\"'<>)]*")
_ATTRIBUTE = r"[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s>\"'][^\s>]*+)?+)?+"
_TOKEN = re.compile(
    # Every alternative goes on to the end of the text rather than fail, so no character is looked at twice.
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    r"|<(script|style|title|textarea|xmp|iframe|noembed|noframes)(?=[\s/>])(.*?)(?:</\1(?=[\s/>])[^>]*+>?|\Z)"
    r"|<(/?)([a-z][^\s/>]*+)((?:" + _ATTRIBUTE + r")*+)[\s/]*+(?:>|\Z)"
    r"|<[!?/][^>]*+(?:>|\Z)",
    re.IGNORECASE | re.DOTALL,
)


def tags(names: str) -> frozenset[str]:
    """The names in a text, which are parted by spaces."""
    return frozenset(names.split())


_FORMATTING = tags("b big code em font i nobr s small strike strong tt u")
# Closed by what follows them, void, or closed by their own kind: they do not nest by themselves.
_FLAT = tags(
    "a p li td th tr tbody thead tfoot dt dd option optgroup colgroup col br hr img input meta link base wbr area "
    "embed param source track html body head caption"
)


def tame(html: str) -> tuple[str, bool]:
    """The same document, safe to parse; the bool says whether its end was cut off."""
    if "data:image/" in html:
        html = _DATA_URL.sub("data:,", html)
    cut = len(html) > MAX_CHARS
    html = html[:MAX_CHARS]
    if len(html) <= _SMALL_CHARS and html.count("<") <= _SMALL_TAGS:
        return html, cut
    if cut and html.rfind("<") > html.rfind(">"):
        html = html[: html.rfind("<")]
    rebuilt, complete = _rebuild(html)
    return rebuilt, cut or not complete


def _rebuild(html: str) -> tuple[str, bool]:
    """The document from its tokens; whether all of it fitted."""
    out: list[str] = []
    open_tags: dict[str, int] = {}
    depth = formatting = nodes = end = 0
    for token in _TOKEN.finditer(html):
        out.append(html[end : token.start()])
        end = token.end()
        closing, name, attributes = token[3], token[4], token[5]
        if name is None:
            if (token[1] or "").lower() in ("textarea", "xmp"):
                out.append(f"<{token[1]}{token[2]}</{token[1]}>")
            elif (token[1] or "").lower() == "style" and len(token[0]) <= _MAX_ATTRIBUTES:
                out.append(token[0])
            continue
        name = name.lower()
        if name == "plaintext" or (depth > _MAX_DEPTH and name in _FLAT):
            continue
        if name not in _FLAT:
            step = -1 if closing else 1
            count = open_tags.get(name, 0) + step
            if count < 0:
                continue
            open_tags[name] = count
            if name in _FORMATTING:
                formatting += step
                if formatting + (1 if closing else 0) > _MAX_FORMATTING:
                    continue
            else:
                depth += step
                if depth + (1 if closing else 0) > _MAX_DEPTH:
                    continue
        weight = _CELL if name in ("td", "th") else 1
        nodes += 0 if closing else weight + min(formatting, _MAX_FORMATTING)
        if nodes > _MAX_NODES:
            return "".join(out), False
        out.append(f"<{closing}{name}{attributes if len(attributes) <= _MAX_ATTRIBUTES else ''}>")
    out.append(html[end:])
    return "".join(out), True
