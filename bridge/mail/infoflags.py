"""The names of a Maildir's files: `new/BASE`, `cur/BASE:2,FS` (https://cr.yp.to/proto/maildir.html). Pure."""

from collections.abc import Collection

LETTERS = {"\\Draft": "D", "\\Flagged": "F", "\\Answered": "R", "\\Seen": "S", "\\Deleted": "T"}
"""The flags of RFC 3501 as they are written there."""

_FLAGS = {letter: flag for flag, letter in LETTERS.items()}
_INFO = ":2,"


def base_of(name: str) -> str:
    """A file's name without its flags, which stays with the mail."""
    return name.partition(":")[0]


def flags_of(place: str) -> frozenset[str]:
    """The flags that a file's name tells; letters of other programs are left out."""
    return frozenset(_FLAGS[letter] for letter in place.partition(_INFO)[2] if letter in _FLAGS)


def renamed(place: str, *, add: Collection[str], remove: Collection[str]) -> str:
    """Where a mail with such flags belongs, from where it is (`new/...` or `cur/...`); other letters stay."""
    base, _, letters = place.rpartition("/")[2].partition(_INFO)
    kept = (set(letters) | {LETTERS[one] for one in add}) - {LETTERS[one] for one in remove}
    return f"cur/{base}{_INFO}{''.join(sorted(kept))}"
