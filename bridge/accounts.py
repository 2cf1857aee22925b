"""The accounts that mailboxes are signed in to by OAuth2: an access token whenever one is needed.

A sign-in is kept in the store, sealed with BRIDGE_SECRET_KEY (Fernet, its key by HKDF); of several keys the first seals
and all open. A token is renewed shortly before it ends or once a server refused it, in one flight per account, and what
the provider gives is kept at once: many give each refresh token once. Processes that share the store share the sign-in:
the row is what counts, and it is read again before a refresh, and after one that failed.
"""

import asyncio
import base64
import functools
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from datetime import datetime, timedelta

import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bridge.config import OAuthSettings, Settings
from bridge.errors import Permanent, Temporary
from bridge.mail import oauth
from bridge.mail.oauth import Grant, SignInEnded
from bridge.model import MailboxName, now
from bridge.sentences import mark, say
from bridge.store import tokens
from bridge.store.database import Store

log = structlog.get_logger()

MARGIN = timedelta(minutes=1)
"""A token that ends sooner is renewed first: between here and the server's look at it, time passes."""

LOOK = 2.0
"""Seconds between looks whether somebody has signed in, while that is what a mailbox waits for."""

PATIENCE = 45.0
"""Seconds that a mailbox's thread waits for a token: two answers of the provider, and the database's."""

STOPPING = mark("The bridge is stopping.")

FAREWELL = 3.0
"""Seconds that a renewal in flight may take when the bridge stops: its answer may be the only copy of a token."""


class Accounts:
    """The sign-ins of the mailboxes in `clients`, each as its provider knows the bridge. Use on one event loop."""

    def __init__(self, store: Store, *, clients: Mapping[MailboxName, OAuthSettings], keys: Sequence[bytes]) -> None:
        self._store = store
        self._clients = clients
        self._seal = MultiFernet([_fernet(key) for key in keys])
        self._held: dict[MailboxName, Grant] = {}
        self._flights: dict[MailboxName, asyncio.Task[Grant]] = {}
        self._closed = False

    @classmethod
    def of(cls, settings: Settings, *, store: Store) -> "Accounts":
        """Those that the settings speak of."""
        clients = {MailboxName(one.name): one.oauth for one in settings.mailboxes if one.signs_in_by_token}
        return cls(store, clients=clients, keys=settings.secret_keys)

    async def close(self) -> None:
        """Begin no renewal any more, and wait for what is in flight, a moment: nobody is kept waiting for a token."""
        self._closed = True
        if flights := list(self._flights.values()):
            for late in (await asyncio.wait(flights, timeout=FAREWELL))[1]:
                late.cancel()

    async def keep(self, name: MailboxName, grant: Grant) -> None:
        """Keep a new sign-in in place of whatever there was."""
        async with self._store.write() as conn:
            await tokens.put(conn, name, self._sealed(grant))
        self._held[name] = grant

    async def token(self, name: MailboxName, refused: str = "") -> str:
        """An access token of that mailbox, but not the one that a server has `refused`.

        Raises Permanent where a person must sign in, Misconfigured where the provider does not know the bridge,
        Temporary.
        """
        while not self._usable(self._held.get(name), refused):
            mine = name not in self._flights
            flight = self._begin(name, refused) if mine else self._flights[name]
            grant = await asyncio.shield(flight)  # whoever asked may leave; the answer is kept all the same
            if mine:
                return grant.access_token
        return self._held[name].access_token

    def asked(self, name: MailboxName) -> Callable[[str], Awaitable[str]]:
        """`token` of that mailbox, given what was refused, for this event loop."""
        return functools.partial(self.token, name)

    def asked_from_a_thread(self, name: MailboxName) -> Callable[[str], str]:
        """`token` of that mailbox, given what was refused, for threads beside this event loop."""
        loop = asyncio.get_running_loop()

        def token(refused: str) -> str:
            work = self.token(name, refused)
            try:
                asked = asyncio.run_coroutine_threadsafe(work, loop)
            except RuntimeError as error:  # the loop is closed
                work.close()
                raise Temporary(say(STOPPING)) from error
            try:
                return asked.result(PATIENCE)
            except (TimeoutError, CancelledError) as error:
                asked.cancel()
                raise Temporary(say("No access token was to be had in time.")) from error

        return token

    async def rest(self, name: MailboxName, seconds: float) -> None:
        """Sleep so long, or until the mailbox's sign-in is another: then there is something to try."""
        until, before = time.monotonic() + seconds, await self._look(name)
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(LOOK, left))
            if await self._look(name) != before:
                return

    async def _look(self, name: MailboxName) -> str | None:
        try:
            async with self._store.read() as conn:
                return await tokens.get(conn, name)
        except Temporary:
            return None

    # --- renewing -----------------------------------------------------------------------------------------------------

    def _begin(self, name: MailboxName, refused: str) -> asyncio.Task[Grant]:
        if self._closed:
            raise Temporary(say(STOPPING))

        def landed(task: asyncio.Task[Grant]) -> None:
            del self._flights[name]
            if not task.cancelled():
                task.exception()  # read, since nobody may be waiting for it any more

        flight = self._flights[name] = asyncio.create_task(self._renew(name, refused), name=f"token of {name}")
        flight.add_done_callback(landed)
        return flight

    async def _renew(self, name: MailboxName, refused: str) -> Grant:
        """The stored sign-in, renewed unless another process has done so already."""
        async with self._store.read() as conn:
            sealed = await tokens.get(conn, name)
        if sealed is None:
            raise Permanent(
                say("Nobody has signed in to the mailbox {name} yet: run `bridge login {name}`.", name=name)
            )
        grant = self._opened(name, sealed)
        if not self._usable(grant, refused):
            grant = await self._refreshed(name, sealed, grant)
        self._held[name] = grant
        return grant

    async def _refreshed(self, name: MailboxName, sealed: str, grant: Grant) -> Grant:
        try:
            new = await oauth.refresh(self._clients[name], grant.refresh_token)
        except SignInEnded as error:
            if await self._look(name) in {sealed, None}:
                raise Permanent(
                    say("The sign-in to the mailbox {name} has ended: run `bridge login {name}`.", name=name),
                    detail=str(error),
                ) from error
            return await self._renew(name, "")  # another process was first, and has the token that counts
        async with self._store.write() as conn:
            kept = await tokens.renew(conn, name, self._sealed(new), instead_of=sealed)
        log.info("an access token was renewed", mailbox=name, until=new.expires.isoformat())
        return new if kept else await self._renew(name, "")

    def _usable(self, grant: Grant | None, refused: str) -> bool:
        return grant is not None and grant.access_token != refused and now() + MARGIN < grant.expires

    # --- sealing ------------------------------------------------------------------------------------------------------

    def _sealed(self, grant: Grant) -> str:
        said = {
            "access_token": grant.access_token,
            "refresh_token": grant.refresh_token,
            "expires": grant.expires.isoformat(),
        }
        return self._seal.encrypt(json.dumps(said).encode()).decode()

    def _opened(self, name: MailboxName, sealed: str) -> Grant:
        try:
            said = json.loads(self._seal.decrypt(sealed))
        except InvalidToken as error:
            raise Permanent(
                say(
                    "The sign-in to the mailbox {name} was sealed with another BRIDGE_SECRET_KEY: set that one behind "
                    "the new one, or run `bridge login {name}`.",
                    name=name,
                )
            ) from error
        return Grant(
            access_token=said["access_token"],
            refresh_token=said["refresh_token"],
            expires=datetime.fromisoformat(said["expires"]),
        )


def _fernet(key: bytes) -> Fernet:
    """The key that seals, made from the operator's own, which signs as well."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"mail-bridge sign-ins").derive(key)
    return Fernet(base64.urlsafe_b64encode(derived))
