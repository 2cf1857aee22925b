"""`bridge replay`: read a mail again, from a file or as it is kept."""

import asyncio
import contextlib
from pathlib import Path

from bridge.app import with_channels
from bridge.config import Settings
from bridge.errors import Refused
from bridge.mail.parse import parse
from bridge.metrics import Metrics
from bridge.model import MailId, Message
from bridge.reception import Reception
from bridge.slack.gateway import Gateway
from bridge.store.database import Store


async def replay(settings: Settings, what: str) -> str:
    """Read a mail again: a file, or a kept mail by its id. Returns a sentence on what became of it.

    Works beside a running service, which shows the outcome. A file is only described where no mailbox is configured to
    take it in. Raises Refused where there is no such mail.
    """
    file = Path(what)
    raw = await asyncio.to_thread(file.read_bytes) if await asyncio.to_thread(file.is_file) else None
    if raw is not None and not settings.mailboxes:
        return _described(await asyncio.to_thread(parse, raw))
    async with contextlib.AsyncExitStack() as closing:
        store = await Store.open(settings.database_url.get_secret_value())
        closing.push_async_callback(store.close)
        token = settings.slack.bot_token.get_secret_value()
        gateway = await closing.enter_async_context(Gateway.open(token=token, api_url=settings.slack.api_url))
        mailboxes = await with_channels(settings, gateway=gateway) if raw is not None else {}
        reception = Reception(
            store, keys=settings.secret_keys, metrics=Metrics(), trusted=settings.trusted, unheld=settings.unheld
        )
        if raw is None:
            stored = await reception.replay(MailId(int(what)))
            return f"Mail {what} was read again; it stands in conversation #{stored.number}."
        shown = next((box for box in mailboxes.values() if box.channel), None)
        if shown is None:
            raise Refused("The bot sees no mailbox's channel: `bridge check` says what to do.")
        number = await reception.take_again(shown, raw)
        return f"{_described(parse(raw))}\nIt stands in conversation #{number}."


def _described(message: Message) -> str:
    """How a mail was read, for a terminal."""
    lines = [f"From:     {message.author}", f"To:       {', '.join(map(str, message.to))}"]
    lines += [f"Subject:  {message.subject}", f"Kind:     {message.automatic}"]
    lines += [f"File:     {one.filename} ({one.content_type}, {one.size} bytes)" for one in message.attachments]
    lines += [f"Note:     {one}" for one in message.notes]
    return "\n".join([*lines, "", message.text[:4000].rstrip()])
