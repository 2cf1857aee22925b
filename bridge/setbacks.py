"""Setbacks: a mail that cannot be kept is set aside, so that those behind it come in.

What nobody foresaw is no reason to try again. What fails for the time being is tried again with all that came with it;
but where it fails in the same way again and again, though the database answers, one mail among them is the reason.
"""

from collections.abc import Awaitable, Callable

import structlog

from bridge.errors import BridgeError, Temporary
from bridge.model import MailboxName

log = structlog.get_logger()

AGAIN = 3
"""Failures of one kind, of work that begins at one mail, until its mails are looked at one by one."""

Act = Callable[[], Awaitable[None]]


class Setbacks:
    """Remembers by mailbox what failed last."""

    def __init__(self) -> None:
        self._last: dict[MailboxName, tuple[object, str, int]] = {}

    async def keep(self, mailbox: MailboxName, *, begins: object, together: Act, one_by_one: Act) -> None:
        """Keep mails `together`; `one_by_one` where that fails for a reason of their own. `begins`: the first of them.

        Raises what `bridge.errors` has: then they are to be brought again.
        """
        try:
            await together()
        except Temporary as error:
            if not self._again(mailbox, begins, str(error)):
                raise
            log.warning("mails fail again and again, and are taken in one by one", mailbox=mailbox, reason=str(error))
        except BridgeError:
            raise
        except Exception:
            log.exception("mails could not be kept as read, and are taken in one by one", mailbox=mailbox)
        else:
            self._last.pop(mailbox, None)
            return
        await one_by_one()
        self._last.pop(mailbox, None)

    def _again(self, mailbox: MailboxName, begins: object, reason: str) -> bool:
        *before, count = self._last.get(mailbox, (None, "", 0))
        count = count + 1 if before == [begins, reason] else 1
        self._last[mailbox] = (begins, reason, count)
        return count >= AGAIN


async def keep_or(act: Act, *, answers: Act, otherwise: Act) -> None:
    """Keep one mail, or do something else with it where it cannot be kept: because of what nobody foresaw, or because
    it fails twice in the same way, though the database has answered between (`answers`).
    """
    try:
        await act()
    except Temporary as error:
        await answers()
        if await _succeeds(act, but_for=str(error)):
            return
    except BridgeError:
        raise
    except Exception as error:  # noqa: BLE001 - told; its bytes are kept, or stand in the mailbox
        log.warning("a mail cannot be kept as read and is set aside", kind=type(error).__name__)
    else:
        return
    await otherwise()


async def _succeeds(act: Act, *, but_for: str) -> bool:
    try:
        await act()
    except Temporary as error:
        if str(error) != but_for:
            raise
        log.warning("a mail cannot be kept as read and is set aside", reason=str(error))
        return False
    return True
