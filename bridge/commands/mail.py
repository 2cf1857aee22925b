"""`bridge mail ...`: the verbs for scripts, as commands. Words for people, or JSON for programs with `--json`."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.config import load
from bridge.errors import Misconfigured, Refused
from bridge.model import DraftId, DraftState, Mark, Number

if TYPE_CHECKING:
    from bridge.commands.scripts import Scripts

Json = dict[str, Any]

WAIT = 120.0  # seconds that --wait waits

mail = typer.Typer(
    help="Read, answer and file mail without Slack, for scripts; beside a running service, which shows and sends.",
    rich_markup_mode=None,
)

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The bridge.toml to read.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON, for programs.")]
Which = Annotated[str, typer.Argument(metavar="N", help="The conversation's number, as on its card.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at the most.")]
InMailbox = Annotated[str | None, typer.Option("--mailbox", metavar="NAME", help="Which mailbox.")]
Text = Annotated[str | None, typer.Option(help="What to write. Default: what --file holds, or standard input.")]
TextFile = Annotated[Path | None, typer.Option("--file", exists=True, dir_okay=False, help="A file with the text.")]
Attach = Annotated[list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A file to attach; repeatable.")]
AtOnce = Annotated[bool, typer.Option("--now", help="Leave at once, without the time in which it can be undone.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it has left; exits 1 where it has not.")]


@mail.command("list")
def list_(
    *,
    mailbox: InMailbox = None,
    everything: Annotated[bool, typer.Option("--all", help="What is closed, too.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """What is open, the longest waiting first."""
    found = _do(config, lambda it: it.listed(mailbox=mailbox, closed=everything, limit=limit))
    _print(found, as_json=as_json, lines=map(_row, found))


@mail.command()
def search(words: list[str], *, limit: Limit = 50, as_json: AsJson = False, config: Config = None) -> None:
    """Conversations that fit, the best first: words, from: to: has: is: before: after: in:, after -- also -word."""
    found = _do(config, lambda it: it.search(words, limit=limit))
    _print(found, as_json=as_json, lines=map(_row, found))


@mail.command()
def log(number: Which, *, limit: Limit = 50, as_json: AsJson = False, config: Config = None) -> None:
    """What was done to a conversation, by whom and from where, the newest first."""
    found = _do(config, lambda it: it.log(_number(number), limit=limit))
    _print(found, as_json=as_json, lines=map(_act, found))


@mail.command()
def read(
    number: Which,
    *,
    full: Annotated[bool, typer.Option("--full", help="With quotes and signatures.")] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """A conversation with its mails, the oldest first. Nothing is marked as read by it."""
    found = _do(config, lambda it: it.read(_number(number)))
    _print(found, as_json=as_json, lines=[_row(found), *(_mail(one, full=full) for one in found["mails"])])


@mail.command()
def reply(
    number: Which,
    *,
    text: Text = None,
    file: TextFile = None,
    everybody: Annotated[bool, typer.Option("--all", help="Answer everybody who got the mail.")] = False,
    attach: Attach = None,
    quote: Annotated[bool, typer.Option("--quote/--no-quote", help="Repeat the mail below the answer.")] = True,
    now: AtOnce = False,
    wait: Wait = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Answer a conversation's newest mail."""
    from bridge.commands.scripts import Letter

    letter = Letter(text=_text(text, file), files=attach or (), quote=quote, at_once=now)
    _send(config, lambda it: it.reply(_number(number), letter, everybody=everybody), wait=wait, as_json=as_json)


@mail.command()
def send(
    *,
    to: Annotated[list[str], typer.Option(help="Who gets it; repeatable, or several with commas.")],
    subject: Annotated[str, typer.Option(help="What it is about.")],
    cc: Annotated[list[str] | None, typer.Option(help="Who gets a copy.")] = None,
    bcc: Annotated[list[str] | None, typer.Option(help="Who gets a copy that nobody sees.")] = None,
    mailbox: InMailbox = None,
    text: Text = None,
    file: TextFile = None,
    attach: Attach = None,
    now: AtOnce = False,
    wait: Wait = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Write a new mail."""
    from bridge.commands.scripts import Letter

    letter = Letter(
        text=_text(text, file),
        files=attach or (),
        to=", ".join(to),
        cc=", ".join(cc or ()),
        bcc=", ".join(bcc or ()),
        subject=subject,
        at_once=now,
    )
    _send(config, lambda it: it.send(letter, mailbox=mailbox), wait=wait, as_json=as_json)


@mail.command()
def mark(number: Which, how: Mark, *, as_json: AsJson = False, config: Config = None) -> None:
    """Mark a conversation's mails, in the mailbox too."""
    _file(config, lambda it: it.filing.mark(_number(number), how, user=it.user), as_json=as_json)


@mail.command()
def delete(number: Which, *, as_json: AsJson = False, config: Config = None) -> None:
    """Move a conversation's mails to the trash."""
    _file(config, lambda it: it.filing.delete(_number(number), user=it.user), as_json=as_json)


@mail.command()
def restore(number: Which, *, as_json: AsJson = False, config: Config = None) -> None:
    """Bring a conversation's mails back into the inbox."""
    _file(config, lambda it: it.filing.restore(_number(number), user=it.user), as_json=as_json)


@mail.command()
def archive(number: Which, *, as_json: AsJson = False, config: Config = None) -> None:
    """Move a conversation's mails to the archive."""
    _file(config, lambda it: it.filing.archive(_number(number), user=it.user), as_json=as_json)


@mail.command()
def spam(number: Which, *, as_json: AsJson = False, config: Config = None) -> None:
    """Move a conversation's mails to junk."""
    _file(config, lambda it: it.filing.spam(_number(number), user=it.user), as_json=as_json)


@mail.command()
def close(number: Which, *, as_json: AsJson = False, config: Config = None) -> None:
    """Nothing is left to do about a conversation; a customer's mail opens it again."""
    _file(config, lambda it: it.desk.close(_number(number), user=it.user), as_json=as_json)


@mail.command()
def reopen(number: Which, *, as_json: AsJson = False, config: Config = None) -> None:
    """There is something to do about a conversation again."""
    _file(config, lambda it: it.desk.reopen(_number(number), user=it.user), as_json=as_json)


# --- doing it ---------------------------------------------------------------------------------------------------------


def _do(config: Path | None, act: Callable[["Scripts"], Awaitable[Any]]) -> Any:
    from bridge.commands.scripts import Scripts

    settings = load(config_file=config)

    async def done() -> Any:
        async with Scripts.open(settings) as scripts:
            return await act(scripts)

    return asyncio.run(done())


def _send(config: Path | None, act: Callable[["Scripts"], Awaitable[Json]], *, wait: bool, as_json: bool) -> None:
    async def sent(scripts: "Scripts") -> Json:
        draft = await act(scripts)
        return await scripts.sent(DraftId(draft["draft"]), within=WAIT) if wait else draft

    draft: Json = _do(config, sent)
    about = f" ({draft['reason']})" if draft["reason"] else f", due {draft['due']}" if not wait else ""
    _print(draft, as_json=as_json, lines=[f"#{draft['number']}: {draft['state']}{about}"])
    if wait and draft["state"] != DraftState.SENT:
        raise typer.Exit(1)


def _file(config: Path | None, act: Callable[["Scripts"], Awaitable[Any]], *, as_json: bool) -> None:
    from bridge.commands.scripts import conversation_json

    async def filed(scripts: "Scripts") -> Json:
        return conversation_json(await act(scripts))

    found = _do(config, filed)
    _print(found, as_json=as_json, lines=[_row(found)])


def _number(typed: str) -> Number:
    digits = typed.removeprefix("#")
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits[:18]) < 10**15):
        raise Misconfigured(f"{typed} is no conversation's number: give it as on its card.")
    return Number(int(digits))


def _text(text: str | None, file: Path | None) -> str:
    if text is not None:
        return text
    if file is not None:
        return file.read_text("utf-8")
    if sys.stdin.isatty():
        raise Refused("Say what to write: --text, --file, or on standard input.")
    return sys.stdin.read()


# --- in words ---------------------------------------------------------------------------------------------------------


def _print(found: Any, *, as_json: bool, lines: Sequence[str] | Any) -> None:
    typer.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else "\n".join(lines))


def _row(one: Json) -> str:
    return f"#{one['number']}  {one['status']}  {one['owner'] or '-'}  {one['mailbox']}  {one['subject']}"


def _act(one: Json) -> str:
    return f"{one['at']}  {one['actor']}  {one['place'] or '-'}  {one['verb']}  {one['detail']}".rstrip()


def _mail(one: Json, *, full: bool) -> str:
    head = [f"From:    {one['from']}", f"To:      {', '.join(one['to'])}", f"Date:    {one['date']}"]
    head += [f"File:    {file['name']} ({file['type']}, {file['size']} bytes)" for file in one["files"]]
    return "\n".join(["", *head, "", (one["text"] if full else one["new"]).rstrip()])
