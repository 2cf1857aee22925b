"""The names of a Maildir's files: `new/BASE`, `cur/BASE:2,FS` (https://cr.yp.to/proto/maildir.html). Pure."""

from collections.abc import Collection, Iterable

_FLAGS = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted"}
"""The flags of RFC 3501 by the letters that stand for them; no other flags are kept."""

_LETTERS = {flag.lower(): letter for letter, flag in _FLAGS.items()}
_INFO = ":2,"


def base_of(name: str) -> str:
    """A file's name without its flags, which stays with the mail."""
    return name.partition(":")[0]


def flags_of(place: str) -> frozenset[str]:
    """The flags that a file's name tells; letters of other programs are left out."""
    return frozenset(_FLAGS[letter] for letter in place.partition(_INFO)[2] if letter in _FLAGS)


def place_of(base: str, flags: Collection[str]) -> str:
    """Where a mail with such flags is put: without any, it is a new one."""
    return renamed(f"new/{base}", add=flags, remove=()) if flags else f"new/{base}"


def renamed(place: str, *, add: Collection[str], remove: Collection[str], base: str = "") -> str:
    """Where a mail belongs once its flags are changed so, from where it is; other programs' letters stay.

    `base`: its new name, where it gets one.
    """
    name, _, letters = place.rpartition("/")[2].partition(_INFO)
    kept = (set(letters) | _letters(add)) - _letters(remove)
    return f"cur/{base or base_of(name)}{_INFO}{''.join(sorted(kept))}"


def _letters(flags: Iterable[str]) -> set[str]:
    return {_LETTERS[flag.lower()] for flag in flags if flag.lower() in _LETTERS}
