"""Webhooks that rules call: a POST of JSON to an address that the operator allowed, signed, and tried a few times.

The body says which rule it is, and how the conversation stands: its number, mailbox, channel, status, owner, priority
and tags. Nothing that came by mail leaves by it: who wants to read the mail asks for it (`bridge mail read NUMBER`).

    X-Bridge-Signature: t=TIME,v1=HEX

HEX is the HMAC-SHA256 of `TIME.BODY`, TIME in seconds since 1970. Its key is made for each webhook from
BRIDGE_SECRET_KEY, which therefore nobody outside needs to know: the HMAC-SHA256 of `webhook:NAME` under it, in hex.
"""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256

import aiohttp
import structlog

from bridge.desk import write_down
from bridge.errors import Permanent, Temporary
from bridge.model import BRIDGE, Conversation, Job, Number, Where, now
from bridge.sentences import say
from bridge.store import conversations
from bridge.store.database import Store
from bridge.where import acting

log = structlog.get_logger()

TRIES = 4  # then it is given up, and waits among what is parked
PATIENCE = 5.0  # seconds for one try
AGAIN = frozenset({408, 425, 429})  # of the answers that say no, those that say not now


class Webhooks:
    """Calls them. `addresses`: the allowed ones, by name; `key` is what theirs are made from."""

    def __init__(self, store: Store, *, addresses: Mapping[str, str], key: bytes) -> None:
        self._store = store
        self._addresses = addresses
        self._key = key

    async def call(self, job: Job) -> None:
        """The job "webhook". Whoever is called may be called twice after a crash: `key` tells."""
        name, number = job.payload["webhook"], Number(job.payload["number"])
        async with self._store.read() as conn:
            conversation = await conversations.current(conn, number)
        if conversation is None:
            return
        try:
            await self._post(name, _told(job, conversation))
        except (Temporary, Permanent) as error:
            if isinstance(error, Temporary) and job.attempts + 1 < TRIES:
                raise
            log.warning("a webhook is given up", webhook=name, number=number, reason=str(error))
            async with self._store.write() as conn:
                with acting(Where.RULE):
                    detail = f"rule: {job.payload['rule']}, webhook: {name}, {error}"
                    await write_down(conn, conversation.number, "not done", user=BRIDGE, detail=detail)
            raise Permanent(str(error)) from error

    async def _post(self, name: str, body: bytes) -> None:
        """Raises Temporary where it may work later, Permanent where it will not."""
        url = self._addresses.get(name)
        if url is None:
            raise Permanent(say("There is no webhook {name} any more: give its address under `[webhooks]`.", name=name))
        headers = {"Content-Type": "application/json", "X-Bridge-Signature": signature(self._key, name, body)}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session,
                session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Temporary(
                say("The webhook {name} cannot be reached.", name=name), detail=type(error).__name__
            ) from error
        if status in AGAIN or status >= 500:
            raise Temporary(say("The webhook {name} does not take it now ({status}).", name=name, status=status))
        if not 200 <= status < 300:
            raise Permanent(say("The webhook {name} does not take it ({status}).", name=name, status=status))


def signature(key: bytes, name: str, body: bytes, *, at: int | None = None) -> str:
    """What proves to whoever is called that it is us, and when; `at`: seconds since 1970."""
    time = int(now().timestamp()) if at is None else at
    its_own = hmac.new(key, f"webhook:{name}".encode(), sha256).hexdigest()
    return f"t={time},v1={hmac.new(its_own.encode(), f'{time}.'.encode() + body, sha256).hexdigest()}"


def _told(job: Job, conversation: Conversation) -> bytes:
    told = {
        "key": job.key,
        "rule": job.payload["rule"],
        "number": conversation.number,
        "mailbox": conversation.mailbox,
        "channel": conversation.channel,
        "status": conversation.status,
        "owner": conversation.owner,
        "priority": conversation.priority or "normal",
        "tags": list(conversation.tags),
        "at": now().isoformat(),
    }
    return json.dumps(told, ensure_ascii=False).encode()
