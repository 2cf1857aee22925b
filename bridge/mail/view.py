"""What other mail clients do to the mails of a watched folder (pure).

A `View` knows the flags of the mails that are followed, and says what is new about them; it is told what was heard.
"""

from collections.abc import Iterable, Mapping

from bridge.mail.source import FOLLOWED, Change

Range = tuple[int, int]
"""The first and the last of a run of uids."""

_MOST = 10_000  # mails followed: the newest; each takes about 150 bytes for as long as the mailbox is watched
_SPAN = 10_000  # uids: how wide a question about them may be


class View:
    """The followed mails of a folder under one uidvalidity. Each question returns what is new, and knows it then."""

    def __init__(self, uidvalidity: int, *, known: Iterable[Change] = ()) -> None:
        self.uidvalidity = uidvalidity
        self.modseq: int | None = None
        self._flags: dict[int, frozenset[str]] = {}
        self._sets: dict[frozenset[str], frozenset[str]] = {}  # of the sixteen, each once
        for change in sorted(known, key=lambda change: change.uid):
            if change.uidvalidity == uidvalidity and change.flags is not None:
                self.follow(change.uid, change.flags)

    def __contains__(self, uid: int) -> bool:
        return uid in self._flags

    def follow(self, uid: int, flags: Iterable[str]) -> frozenset[str]:
        """From now on this mail too, which has these flags. The oldest ones are given up for the newest."""
        self._flags[uid] = kept = self._told(flags)
        while len(self._flags) > _MOST:
            del self._flags[next(iter(self._flags))]
        return kept

    def expect(self, uids: Iterable[int], *, add: Iterable[str], remove: Iterable[str]) -> None:
        """We change these flags ourselves: that they have changed is no news."""
        added, removed = frozenset(add), frozenset(remove)
        for uid in uids:
            if uid in self._flags:
                self._flags[uid] = self._told((self._flags[uid] | added) - removed)

    def forget(self, uids: Iterable[int]) -> None:
        """We take these mails away ourselves: that they are gone is no news."""
        for uid in uids:
            self._flags.pop(uid, None)

    def saw(self, flags: Mapping[int, Iterable[str]]) -> list[Change]:
        """These mails have these flags."""
        changes = []
        for uid, words in flags.items():
            now = self._told(words)
            if uid in self._flags and self._flags[uid] != now:
                self._flags[uid] = now
                changes.append(Change(uidvalidity=self.uidvalidity, uid=uid, flags=now))
        return changes

    def lost(self, runs: Iterable[Range]) -> list[Change]:
        """The mails in these runs of uids are gone."""
        runs = list(runs)
        return self._gone(uid for uid in self._flags if any(first <= uid <= last for first, last in runs))

    def only(self, there: Iterable[int]) -> list[Change]:
        """No other mails are there but these."""
        still = set(there)
        return self._gone(uid for uid in self._flags if uid not in still)

    def spans(self) -> list[Range]:
        """Runs of uids, none of them wide, that hold every followed mail."""
        runs: list[Range] = []
        for uid in sorted(self._flags):
            if runs and uid < runs[-1][0] + _SPAN:
                runs[-1] = (runs[-1][0], uid)
            else:
                runs.append((uid, uid))
        return runs

    def _gone(self, uids: Iterable[int]) -> list[Change]:
        gone = sorted(uids)
        self.forget(gone)
        return [Change(uidvalidity=self.uidvalidity, uid=uid, flags=None) for uid in gone]

    def _told(self, flags: Iterable[str]) -> frozenset[str]:
        """The flags that count, in whatever case the server writes them."""
        words = {word.lower() for word in flags}
        kept = frozenset(flag for flag in FOLLOWED if flag.lower() in words)
        return self._sets.setdefault(kept, kept)
