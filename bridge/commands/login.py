"""`bridge login`: somebody signs in to a mailbox by OAuth2, and the sign-in is kept for the service.

The conversation with that person, and no more: the way to the provider is `bridge.mail.oauth`, what is kept is told in
`bridge.accounts`. It works beside a running service, which finds the new sign-in by itself.
"""

import asyncio
import contextlib
import webbrowser
from collections.abc import Callable

from bridge.accounts import Accounts
from bridge.commands.check import check_mailbox
from bridge.config import MailboxSettings, Settings
from bridge.errors import Misconfigured
from bridge.mail import oauth
from bridge.mail.oauth import Grant
from bridge.model import MailboxName
from bridge.store.database import Store

Say = Callable[[str], object]


async def login(settings: Settings, name: str, *, device: bool, browser: bool, port: int, say: Say) -> bool:
    """Sign in, keep it, and try the mailbox's servers with it: whether all of them take it.

    `device`: by a code that is typed in elsewhere; else in a browser, which is opened here if `browser` says so and
    comes back to `port` of this machine. Raises Misconfigured for a mailbox that is not signed in to so, Refused where
    the person said no, Permanent and Temporary.
    """
    mailbox = _named(settings, name)
    async with contextlib.AsyncExitStack() as closing:
        store = await Store.open(settings.database_url.get_secret_value())
        closing.push_async_callback(store.close)
        accounts = Accounts.of(settings, store=store)
        closing.push_async_callback(accounts.close)
        if device:
            grant = await _by_device(mailbox, say)
        else:
            grant = await _in_browser(mailbox, say, browser=browser, port=port)
        await accounts.keep(MailboxName(mailbox.name), grant)
        findings = await check_mailbox(mailbox, accounts=accounts)
    for one in findings:
        say(f"{one.part}: {one.says}")
    works = all(one.works for one in findings)
    if works:
        say(f"Signed in as {_username(mailbox)}.")
    return works


def _named(settings: Settings, name: str) -> MailboxSettings:
    found = next((one for one in settings.mailboxes if one.name.lower() == name.lower()), None)
    if found is None:
        names = ", ".join(one.name for one in settings.mailboxes) or "none is configured"
        raise Misconfigured(f"There is no mailbox {name}: give one by its name ({names}).")
    if not found.signs_in_by_token:
        raise Misconfigured(
            f'The mailbox {found.name} is signed in to by password: set auth = "xoauth2" for its servers (MAIL_AUTH) '
            "to sign in by OAuth2."
        )
    return found


def _username(mailbox: MailboxSettings) -> str:
    return mailbox.imap.username if mailbox.imap else mailbox.smtp.username


async def _in_browser(mailbox: MailboxSettings, say: Say, *, browser: bool, port: int) -> Grant:
    async with oauth.visiting(mailbox.oauth, hint=_username(mailbox), port=port) as visit:
        say(f"Sign in as {_username(mailbox)} at this address, in a browser on this machine:\n{visit.address}")
        if browser:
            await asyncio.to_thread(webbrowser.open, visit.address)
        return await visit.grant()


async def _by_device(mailbox: MailboxSettings, say: Say) -> Grant:
    device = await oauth.begin_device(mailbox.oauth)
    say(f"Sign in as {_username(mailbox)} at {device.address} and type in this code: {device.user_code}")
    return await oauth.await_device(mailbox.oauth, device)
