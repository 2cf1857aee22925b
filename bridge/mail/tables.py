"""An HTML table as lines: aligned where it holds data, as flowing text where it only holds the layout.

Works on the innermost tables alone; a table around tables is layout by definition.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from unicodedata import east_asian_width

from bridge.model import Line, Span

_MAX_CELL = 60  # columns of a data cell: longer ones are prose
_MAX_ROW = 110  # columns of a row that a fixed-width block still shows without wrapping
_MAX_ROWS = 2_000  # nobody follows a column further
_MAX_COLUMNS = 12  # more are a layout, or unreadable either way
_GAP = "  "


@dataclass(slots=True)
class Table:
    """A table being read: `rows` of cells, each the range of the page's lines that it fills."""

    start: int
    declared: bool
    """It has a border, a summary or a header cell: its author calls it a table."""
    layout: bool
    """It says itself that it is layout."""
    nested: bool = False
    """It holds another table."""
    cell_start: int = 0
    rows: list[list[tuple[int, int]]] = field(default_factory=list)

    def rebuilt(self, lines: Sequence[Line]) -> list[Line] | None:
        """The table's lines in the page anew, or None where they may stay as they flowed."""
        if not any(len(row) > 1 for row in self.rows):
            return None
        rows = [[[line for line in lines[first:last] if line.spans] for first, last in row] for row in self.rows]
        rows = [row for row in rows if any(row)]
        if sum(len(cell) for row in rows for cell in row) != sum(1 for line in lines[self.start :] if line.spans):
            return None
        if self._is_data(rows):
            return _aligned(rows)
        if not any(_joinable(row) for row in rows):
            return None
        return [line for row in rows for line in (_joined(row) if _joinable(row) else _stacked(row))]

    def _is_data(self, rows: list[list[list[Line]]]) -> bool:
        filled = [sum(1 for cell in row if cell) for row in rows]
        if self.layout or not 2 <= len(rows) <= _MAX_ROWS or sum(1 for count in filled if count > 1) < 2:
            return False
        if max(len(row) for row in rows) > _MAX_COLUMNS:
            return False
        cells = [cell for row in rows for cell in row if cell]
        if any(len(cell) > 1 or cell[0].marker or cell[0].pre or _linked(cell[0]) for cell in cells):
            return False
        if any(len(cell[0].text) > _MAX_CELL for cell in cells):
            return False
        widths = _widths(rows)
        if sum(widths) + len(_GAP) * len(widths) > _MAX_ROW:
            return False
        return self.declared or min(filled) > 1


def _aligned(rows: list[list[list[Line]]]) -> list[Line]:
    widths = _widths(rows)
    first = next(cell[0] for row in rows for cell in row if cell)
    out = []
    for row in rows:
        texts = [cell[0].text if cell else "" for cell in row]
        padded = [text + " " * (width - columns(text)) for text, width in zip(texts, widths, strict=False)]
        out.append(Line(spans=(Span(text=_GAP.join(padded).rstrip()),), quote=first.quote, pre=True))
    return out


def _joinable(row: list[list[Line]]) -> bool:
    """Short cells beside each other read as one line."""
    filled = [cell for cell in row if cell]
    if len(filled) < 2 or any(len(cell) > 1 or cell[0].marker or cell[0].pre for cell in filled):
        return False
    return sum(len(cell[0].text) for cell in filled) <= _MAX_ROW


def _joined(row: list[list[Line]]) -> list[Line]:
    filled = [cell[0] for cell in row if cell]
    spans = list(filled[0].spans)
    for line in filled[1:]:
        spans += (Span(text=_GAP), *line.spans)
    return [Line(spans=tuple(spans), quote=filled[0].quote, indent=filled[0].indent, heading=filled[0].heading)]


def _stacked(row: list[list[Line]]) -> list[Line]:
    return [line for cell in row for line in cell]


def _linked(line: Line) -> bool:
    return any(span.href and span.href.removeprefix("mailto:") != span.text for span in line.spans)


def _widths(rows: list[list[list[Line]]]) -> list[int]:
    texts = ([columns(cell[0].text) if cell else 0 for cell in row] for row in rows)
    return [max(column) for column in zip_longest(*texts, fillvalue=0)]


def columns(text: str) -> int:
    """How many columns of a fixed-width font the text fills."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)
