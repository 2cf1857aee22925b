"""What a mail's headers tell of the mail server's spam filter and virus scanner.

Pure, and never raises. Anybody can write such fields. So only those are believed that stand where the mailbox's own
servers write: above the first `Received` of somebody else's. Further down another server speaks, or the sender: that a
mail is spam counts there as a suspicion, that it is none counts nothing.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from bridge.model import Spam, Verdict

_LONGEST = 2_000  # characters of a field that are read
_BY = re.compile(r"\bby\s+([\w.-]{1,255})", re.IGNORECASE)
_SCORE = re.compile(r"(?:score|hits)\s*=\s*(-?\d{1,5}(?:\.\d{1,5})?)|\[(-?\d{1,5}(?:\.\d{1,5})?) / ", re.IGNORECASE)
_NUMBER = re.compile(r"\s*(-?\d{1,5}(?:\.\d{1,5})?)\s*")
_SCL = re.compile(r"(?:^|;)\s*SCL\s*:\s*(-?\d{1,2})\b", re.IGNORECASE)
_CATEGORY = re.compile(r"(?:^|;)\s*CAT\s*:\s*([A-Z]{2,12})\b", re.IGNORECASE)
_VIRUS = re.compile(r"infected[^:(]{0,60}[:(]\s*([\w./:-]{1,200})|\b(?:infected|virus found)\b", re.IGNORECASE)

Said = Verdict | None


def verdict(headers: Iterable[tuple[str, str]]) -> Verdict | None:
    """The gravest of what the headers say, in their order as they stand in the mail; None where they say nothing."""
    found: list[Verdict] = []
    house, ours = "", True
    seen: set[str] = set()
    for name, value in headers:
        field = name.lower()
        if field == "received" and ours and (by := _BY.search(value[:_LONGEST])):
            house = house or _organisation(by[1])
            ours = _organisation(by[1]) in {house, "localhost"}
        reader = _READERS.get(field)
        if reader is None or field in seen:
            continue
        seen.add(field)  # of several the topmost counts: servers put theirs on top
        said = reader(value[:_LONGEST].strip())
        if said is not None and ours:
            found.append(said)
        elif said is not None and said.level is not Spam.HAM:
            found.append(Verdict(level=Spam.SUSPICIOUS, by=said.by, score=said.score))
    return max(found, key=lambda one: one.gravity, default=None)


def _organisation(host: str) -> str:
    """The last labels of a host's name: two, or three where the second is as short as in `co.uk`."""
    labels = host.lower().strip(".").split(".")
    return ".".join(labels[-3 if len(labels) > 2 and len(labels[-2]) <= 3 else -2 :])


# --- each filter's own fields ---------------------------------------------------------------------------------------


def _yes_or_no(by: str) -> Callable[[str], Said]:
    """A field that begins with "Yes" or "No", and may tell the score behind it."""

    def read(value: str) -> Said:
        word = value[:5].lower()
        level = (
            Spam.SPAM if word.startswith(("yes", "true")) else Spam.HAM if word.startswith(("no", "false")) else None
        )
        return Verdict(level=level, by=by, score=_score(value)) if level else None

    return read


def _words(by: str, meanings: Mapping[str, Spam]) -> Callable[[str], Said]:
    """A field that begins with one of a filter's words."""

    def read(value: str) -> Said:
        level = next((level for word, level in meanings.items() if value.lower().startswith(word)), None)
        return Verdict(level=level, by=by) if level else None

    return read


def _rspamd_result(value: str) -> Said:
    """Such as `default: False [1.20 / 15.00]; ...`."""
    said = value.partition(":")[2].strip()
    return _yes_or_no("Rspamd")(said)


def _confidence(value: str) -> Said:
    """Microsoft's spam confidence level: -1 to 1 none, 5 and 6 spam, 7 to 9 surely."""
    number = _NUMBER.fullmatch(value)
    return _of_level(int(float(number[1]))) if number else None


def _forefront(value: str) -> Said:
    """Fields between semicolons, `SCL:5;...;CAT:PHSH`."""
    category, level = _CATEGORY.search(value), _SCL.search(value)
    if category and category[1].upper() in {"MALW", "PHSH", "HPHSH", "HPHISH", "HSPM", "SPM"}:
        return Verdict(level=Spam.SPAM, by="Microsoft")
    if category and category[1].upper() in {"SPOOF", "DIMP", "UIMP", "GIMP", "BIMP"}:  # somebody is impersonated
        return Verdict(level=Spam.SUSPICIOUS, by="Microsoft")
    return _of_level(int(level[1])) if level else None


def _of_level(confidence: int) -> Verdict:
    return Verdict(level=Spam.SPAM if confidence >= 5 else Spam.HAM, by="Microsoft", score=float(confidence))


def _scanned(value: str) -> Said:
    """A virus scanner's words; that it found nothing is no verdict on spam."""
    found = _VIRUS.search(value)
    return Verdict(level=Spam.SPAM, by="virus scanner", virus=found[1] or "malware") if found else None


def _score(value: str) -> float | None:
    found = _SCORE.search(value)
    return float(found[1] or found[2]) if found else None


RSPAMD_ACTIONS = {
    "no action": Spam.HAM,
    "greylist": Spam.HAM,  # it only came later
    "soft reject": Spam.HAM,
    "add header": Spam.SPAM,
    "rewrite subject": Spam.SPAM,
    "reject": Spam.SPAM,
    "quarantine": Spam.SPAM,
    "discard": Spam.SPAM,
}
"""What Rspamd would have done with a mail, by its own words for it."""
_READERS: dict[str, Callable[[str], Said]] = {
    "x-spam-flag": _yes_or_no("mail server"),
    "x-spam-status": _yes_or_no("SpamAssassin"),
    "x-spam": _yes_or_no("mail server"),
    "x-rspamd-action": _words("Rspamd", RSPAMD_ACTIONS),
    "x-spamd-result": _rspamd_result,
    "x-bogosity": _words(
        "Bogofilter", {"spam": Spam.SPAM, "yes": Spam.SPAM, "unsure": Spam.SUSPICIOUS, "ham": Spam.HAM, "no": Spam.HAM}
    ),
    "x-barracuda-spam-status": _yes_or_no("Barracuda"),
    "x-ms-exchange-organization-scl": _confidence,
    "x-forefront-antispam-report": _forefront,
    "x-virus-status": _scanned,
    "x-virus-scanned": _scanned,
    "x-amavis-alert": _scanned,
}
