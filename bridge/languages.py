"""Languages: what one is called, and which ones a text could be in, by its writing alone (pure).

A text's writing tells enough to find the template that fits, and never says French for Spanish: Latin letters are so
many languages' that they tell nothing. Codes are those of ISO 639-1, in lower case.
"""

import unicodedata
from collections import Counter

LANGUAGES = {
    "en": ("English", "English"), "de": ("German", "Deutsch"), "fr": ("French", "Français"),
    "es": ("Spanish", "Español"), "it": ("Italian", "Italiano"), "pt": ("Portuguese", "Português"),
    "nl": ("Dutch", "Nederlands"), "da": ("Danish", "Dansk"), "sv": ("Swedish", "Svenska"),
    "no": ("Norwegian", "Norsk"), "fi": ("Finnish", "Suomi"), "pl": ("Polish", "Polski"), "cs": ("Czech", "Čeština"),
    "hu": ("Hungarian", "Magyar"), "ro": ("Romanian", "Română"), "tr": ("Turkish", "Türkçe"),
    "id": ("Indonesian", "Bahasa Indonesia"), "vi": ("Vietnamese", "Tiếng Việt"), "ko": ("Korean", "한국어"),
    "ja": ("Japanese", "日本語"), "zh": ("Chinese", "中文"), "ru": ("Russian", "Русский"),
    "uk": ("Ukrainian", "Українська"), "bg": ("Bulgarian", "Български"), "el": ("Greek", "Ελληνικά"),
    "he": ("Hebrew", "עברית"), "ar": ("Arabic", "العربية"), "fa": ("Persian", "فارسی"), "hi": ("Hindi", "हिन्दी"),
    "th": ("Thai", "ไทย"),
}  # fmt: skip
"""By code: the name in English, and in the language itself."""

_WRITTEN_WITH = {
    "HANGUL": {"ko"},
    "KANA": {"ja"},
    "CJK": {"zh"},
    "CYRILLIC": {"ru", "uk", "bg"},
    "GREEK": {"el"},
    "HEBREW": {"he"},
    "ARABIC": {"ar", "fa"},
    "DEVANAGARI": {"hi"},
    "THAI": {"th"},
}
"""By the first word of a letter's name in Unicode."""

_CODES = {name.casefold(): code for code, names in LANGUAGES.items() for name in (code, *names)}

LOOKED_AT = 2_000  # characters of a text: its writing shows in its first lines
ENOUGH = 0.2  # of the letters: a Korean mail names products and addresses in Latin ones
KANA = 0.1  # of a Japanese text's signs, where the others are Chinese ones


def code(written: str) -> str:
    """A language's code from whatever it was written as: "ko", "ko-KR", "Korean", "한국어". One that is not known stays
    as it is, folded.
    """
    folded = written.strip().casefold()
    return _CODES.get(folded) or _CODES.get(folded.partition("-")[0], folded)


def name(written: str) -> str:
    """What a language calls itself; one that is not known, as it was written."""
    known = LANGUAGES.get(code(written))
    return known[1] if known else written.strip()


def of(text: str) -> frozenset[str]:
    """The codes of the languages that a text could be in; none where its writing does not tell."""
    seen = Counter(_writing(sign) for sign in text[:LOOKED_AT] if sign.isalpha())
    if seen["KANA"] > KANA * (seen["KANA"] + seen["CJK"]):
        seen["KANA"] += seen.pop("CJK", 0)
    told = [(count, writing) for writing, count in seen.items() if writing in _WRITTEN_WITH]
    count, writing = max(told, default=(0, ""))
    return frozenset(_WRITTEN_WITH[writing]) if count > ENOUGH * seen.total() else frozenset()


def _writing(letter: str) -> str:
    first = unicodedata.name(letter, "").partition(" ")[0]
    return "KANA" if first in {"HIRAGANA", "KATAKANA"} else first
