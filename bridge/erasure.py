"""The job "erase": what showed a person's mails in Slack goes. Promised by `bridge/commands/personal.py`."""

import contextlib

import structlog

from bridge.errors import Permanent
from bridge.model import ChannelId, FileId, Job, Ts
from bridge.slack.gateway import Gateway

log = structlog.get_logger()


class Eraser:
    """Deletes messages and files."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def erase(self, job: Job) -> None:
        """Delete the files first, then what spoke of them. What is gone already is as wanted."""
        for file in job.payload["files"]:
            await self._delete_file(FileId(file))
        for channel, ts in job.payload["posts"]:
            with contextlib.suppress(Permanent):  # the channel is gone, or the bot is in it no more
                await self._gateway.delete(ChannelId(channel), Ts(ts))

    async def _delete_file(self, file: FileId) -> None:
        try:
            await self._gateway.delete_file(file)
        except Permanent as error:
            log.warning("a file could not be deleted in Slack", reason=str(error))
