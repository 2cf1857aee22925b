"""Text in format=flowed (RFC 3676) as its writer saw it: soft line ends joined, stuffed spaces removed."""

import re

_QUOTE = re.compile(r">*")


def unwrap(text: str, *, delsp: str = "") -> str:
    r"""`text` (lines end with `\n`) with its paragraphs joined; `delsp` is the DelSp parameter's value.

    Lines of different quote depth are never joined, nor is the signature's line `-- `. The quote signs stay.
    """
    drop = 1 if delsp.strip().lower() == "yes" else 0
    lines: list[str] = []
    flowing: list[str] = []
    depth = 0

    def end_paragraph() -> None:
        if flowing:
            lines.append(_quoted(depth, "".join(flowing)))
            flowing.clear()

    for line in text.split("\n"):
        found = _QUOTE.match(line)
        quote = found.end() if found else 0
        words = line[quote:].removeprefix(" ")
        signature = words == "-- "
        if quote != depth or signature:
            end_paragraph()
        depth = quote
        if words.endswith(" ") and not signature:
            flowing.append(words[: len(words) - drop])
            continue
        flowing.append(words)
        end_paragraph()
    end_paragraph()
    return "\n".join(lines)


def _quoted(depth: int, words: str) -> str:
    return f"{'>' * depth} {words}" if depth else words
