"""`python -m bridge.sentences`: the catalogue follows the code. What is new in the code is entered, without its Korean
yet; what is no longer said is dropped.
"""

import ast
from collections.abc import Iterator

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from bridge.sentences import CATALOGUE

KEYWORDS = frozenset({"say", "mark", "plural"})
"""What the code says its sentences with."""


def said() -> Catalog:
    """Every sentence in the code, without a translation."""
    code, found = CATALOGUE.parent.parent, Catalog(charset="utf-8")
    for file in sorted(code.rglob("*.py")):
        text = file.read_text("utf-8")
        if "from bridge.sentences import" in text:  # others may call something else `say`
            for forms in _sentences(ast.parse(text)):
                found.add(forms if len(forms) > 1 else forms[0], locations=[(file.relative_to(code).as_posix(), 0)])
    return found


def _sentences(tree: ast.Module) -> Iterator[tuple[str, ...]]:
    """In the order of the code, of a plural both forms. Babel's own reader passes over what is within an f-string."""
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call)]
    for call in sorted(calls, key=lambda one: (one.lineno, one.col_offset)):
        if isinstance(call.func, ast.Name) and call.func.id in KEYWORDS:
            words = (one.value for one in call.args if isinstance(one, ast.Constant))
            if forms := tuple(one for one in words if isinstance(one, str)):
                yield forms


def main() -> None:
    """Rewrite the catalogue, in the order of the files that say its sentences."""
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="ko")
    catalogue.update(said(), no_fuzzy_matching=True)
    with CATALOGUE.open("wb") as file:
        write_po(
            file, catalogue, sort_by_file=True, include_lineno=False, ignore_obsolete=True, omit_header=True, width=0
        )


if __name__ == "__main__":
    main()
