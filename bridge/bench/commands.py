"""`bridge bench ...`: each benchmark as a command, and all of them in a short form. It reads arguments and prints."""

import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge import logs
from bridge.stopping import until_stopped

if TYPE_CHECKING:
    from bridge.bench.figures import Found

benches = typer.Typer(rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON, for programs.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 where a goal is missed.")]


@benches.callback(invoke_without_command=True)
def everything(context: typer.Context, *, as_json: AsJson = False, strict: Strict = False) -> None:
    """Measure, on this machine and with no account.

    Without a command: everything, in a short form of about two minutes, with the goal of each figure. Machines differ,
    so a goal that is missed is only said, unless --strict is given.
    """
    if context.invoked_subcommand is None:
        from bridge.bench.all import everything_shortly

        _measure(everything_shortly(say=lambda name: typer.echo(f"{name} ...", err=True)), as_json, strict)


@benches.command()
def intake(
    *,
    mails: Annotated[int, typer.Option(min=1, help="How many mails to deliver, one after another.")] = 200,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """How long a new mail takes to its card.

    From the line by which a scripted IMAP server pushes it to the post received by Slack, through the real service.
    """
    from bridge.bench import latency

    _measure(latency.intake(mails=mails), as_json, strict)


@benches.command()
def click(
    *,
    clicks: Annotated[int, typer.Option(min=2, help="How many clicks, one after another.")] = 400,
    rate: Annotated[float, typer.Option(min=0.1, help="Mails that come in meanwhile, a second.")] = 5.0,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """How long an agent's click waits for its acknowledgement.

    Claims and opened answers in turn, over Socket Mode, while mail streams in and is shown.
    """
    from bridge.bench import latency

    _measure(latency.click(clicks=clicks, rate=rate), as_json, strict)


@benches.command()
def backlog(
    *,
    mails: Annotated[int, typer.Option(min=1, help="How many mails have piled up.")] = 5_000,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """How quickly mail that has piled up is taken in.

    Fetched over IMAP, read, threaded, and kept in SQLite, all of it durable.
    """
    from bridge.bench.backlog import backlog as measure

    _measure(measure(mails=mails), as_json, strict)


@benches.command()
def memory(
    *,
    megabytes_in: Annotated[float, typer.Option("--in", min=0.1, help="Size of the file that comes in, in MB.")] = 25,
    megabytes_out: Annotated[float, typer.Option("--out", min=0.1, help="Size of the file that leaves, in MB.")] = 10,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """How much memory large files take.

    The most that the service's process ever holds, while a mail with a file comes in and an answer with one leaves.
    """
    from bridge.bench import size

    _measure(size.files(megabytes_in=megabytes_in, megabytes_out=megabytes_out), as_json, strict)


@benches.command()
def mailboxes(
    *,
    count: Annotated[int, typer.Option(min=2, help="How many mailboxes to watch.")] = 1_000,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long nothing happens.")] = 200.0,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """What many watched mailboxes take of memory, and of the processor while nothing happens.

    Over TLS, on a scripted IMAP server in another process.
    """
    from bridge.bench import size

    _measure(size.mailboxes(count=count, seconds=seconds), as_json, strict)


@benches.command()
def search(
    *,
    mails: Annotated[int, typer.Option(min=1, help="How many mails to search among.")] = 100_000,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """How quickly search answers.

    Each kind of question that people ask, among made-up mails in SQLite.
    """
    from bridge.bench.search import search as measure

    _measure(measure(mails=mails), as_json, strict)


@benches.command()
def mail(
    *,
    mutations: Annotated[int, typer.Option(min=0, help="How many damaged mails to read.")] = 2_000,
    mails: Annotated[
        Path | None,
        typer.Option(metavar="DIR", exists=True, file_okay=False, help="Folder of .eml files to damage as well."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0, help="How long each rate is measured.")] = 0.5,
    as_json: AsJson = False,
) -> None:
    """How quickly mail is read, and that nothing stops the reading.

    Ordinary mails, hostile ones, and damaged ones. Exits 1 if a reading fails or takes more than a second.
    """
    from bridge.mail.bench import bench

    originals = [one.read_bytes() for one in sorted(mails.glob("*.eml"))] if mails else []
    result = bench(mutations=mutations, seconds=seconds, mails=originals)
    typer.echo(result.as_json() if as_json else result.as_table())
    if result.failures:
        raise typer.Exit(1)


def _measure(measuring: "Coroutine[Any, Any, Found]", as_json: bool, strict: bool) -> None:
    logs.configure("console", level=logging.ERROR)
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd's, which warns of its own attributes
    found = until_stopped(measuring)
    if found is None:
        return
    typer.echo(found.as_json() if as_json else found.as_table())
    if strict and found.missed:
        raise typer.Exit(1)
