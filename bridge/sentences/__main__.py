"""`python -m bridge.sentences`: the catalogue follows the code. What is new in the code is entered, without its Korean
yet; what is no longer said is dropped.
"""

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from bridge.sentences import CATALOGUE

KEYWORDS = {"say": None, "mark": None, "plural": (2, 3)}
"""What the code says its sentences with, and which arguments they are."""


def said() -> Catalog:
    """Every sentence in the code, without a translation."""
    code, found = CATALOGUE.parent.parent, Catalog(charset="utf-8")
    for file in sorted(code.rglob("*.py")):
        if "from bridge.sentences import" in file.read_text("utf-8"):  # others may call something else `say`
            for _, sentence, _, _ in extract_from_file("python", file, keywords=KEYWORDS):
                found.add(sentence, locations=[(file.relative_to(code).as_posix(), 0)])
    return found


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
