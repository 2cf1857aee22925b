"""Ctrl-C and SIGTERM: work that is asked to stop cleans up first."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


def until_stopped(work: Coroutine[Any, Any, _Result]) -> _Result | None:
    """Run to the end, or until Ctrl-C or SIGTERM: then the work is cancelled, cleans up, and None comes back.

    A second SIGTERM changes nothing; a second Ctrl-C is a person who will not wait, and ends the process at once.
    """
    stopped = False

    async def under_signals() -> _Result:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            nonlocal stopped
            if stopped or task is None:
                return
            stopped = True
            loop.remove_signal_handler(signal.SIGINT)
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        return await work

    try:
        return asyncio.run(under_signals())
    except asyncio.CancelledError:
        if not stopped:
            raise
        return None
