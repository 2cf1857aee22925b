"""The command line: what a person or a service manager types, and the exit code they get.

It reads arguments, makes `Settings`, and calls one coroutine; what a command does stands elsewhere and is imported only
when that command runs. Exit codes: 0 success (also a stop asked for by Ctrl-C or SIGTERM), 1 it did not work, 2 usage
or configuration. An error is one sentence on stderr.
"""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from bridge import __version__, logs
from bridge.bench.commands import benches
from bridge.commands.mail import mail as mail_commands
from bridge.commands.programs import programs
from bridge.config import check_runnable, load
from bridge.errors import BridgeError, Misconfigured
from bridge.sentences import Language
from bridge.stopping import until_stopped

app = typer.Typer(
    name="bridge",
    help="A shared inbox in Slack: every mail a card, every answer an explicit act.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_LONGEST_ID = 19  # digits: a database's numbers have fewer, but for those that never are reached
_Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The bridge.toml to read. Default: what BRIDGE_CONFIG names, else ./bridge.toml if there is one.",
    ),
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code; `arguments` are the process's own if not given."""
    try:
        code = app(arguments, prog_name="bridge", standalone_mode=False)
    except TyperException as error:
        return _complain(f"{error.format_message().rstrip('.')}: see `bridge --help`.", code=2)
    except Misconfigured as error:
        return _complain(str(error), code=2)
    except BridgeError as error:
        return _complain(str(error), code=1)
    except typer.Abort:
        return _complain("Stopped, as nobody answered.", code=1)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return code if isinstance(code, int) else 0


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bridge {__version__}")
        raise typer.Exit


@app.callback()
def _bridge(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """A shared inbox in Slack: every mail a card, every answer an explicit act."""


@app.command()
def demo(
    *,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of the page; 0 is any free one.")] = 8025,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", file_okay=False, help="Folder to keep the demo's state in. Default: a temporary one."
        ),
    ] = None,
    language: Annotated[Language, typer.Option(help="What the desk and its agents' Slack are in.")] = "en",
) -> None:
    """Try everything on this machine.

    No account is needed: starts a local Slack workspace in a web page, an embedded mail server, and the real app
    between them. Prints "demo ready" and the page's address when it can be used. Ctrl-C stops it.
    """
    from bridge.demo.run import demo as run_demo

    logs.configure("console")
    until_stopped(run_demo(port=port, open_browser=browser, data=data, language=language))


@app.command()
def run(*, config: _Config = None) -> None:
    """Run the service.

    Watches the mailboxes, shows their mail in Slack and sends what agents write. Settings come from the environment,
    .env and bridge.toml. Logs "bridge ready" once Slack is connected and every mailbox is watched or reported as
    failing. SIGTERM or Ctrl-C stops it cleanly.
    """
    settings = load(config_file=config)
    check_runnable(settings)
    logs.configure(settings.log)
    from bridge.app import run as run_app

    until_stopped(run_app(settings))


@app.command()
def init(
    *,
    directory: Annotated[
        Path, typer.Option(metavar="DIR", file_okay=False, help="Folder to write into. Default: this one.")
    ] = Path(),
    address: Annotated[str, typer.Option(help="The address whose mail is shown.")] = "",
    name: Annotated[str | None, typer.Option(help="The name that customers see beside it.")] = None,
    channel: Annotated[str, typer.Option(help="Slack channel to show it in, as #name or id.")] = "",
    imap_host: Annotated[str, typer.Option(help="Server of IMAP (host or host:port), for other providers.")] = "",
    smtp_host: Annotated[str, typer.Option(help="Server of SMTP (host or host:port), for other providers.")] = "",
    client_id: Annotated[str, typer.Option(help="The bridge's id at Microsoft, in place of a password.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Replace files that stand there without asking.")] = False,
) -> None:
    """Ask what is needed, and write .env and bridge.toml.

    What is given as an option is not asked for; nor is a secret that stands in the environment as SLACK_BOT_TOKEN,
    SLACK_APP_TOKEN or MAIL_PASSWORD.
    """
    from bridge.commands.init import Given
    from bridge.commands.init import init as ask_and_write

    given = Given(
        bot_token=os.environ.get("SLACK_BOT_TOKEN", ""),
        app_token=os.environ.get("SLACK_APP_TOKEN", ""),
        password=os.environ.get("MAIL_PASSWORD", ""),
        address=address,
        name=name,
        client_id=client_id,
        channel=channel,
        imap_host=imap_host,
        smtp_host=smtp_host,
    )
    ask_and_write(directory, given, replace=lambda sentence: replace or typer.confirm(sentence))


@app.command()
def check(
    *,
    config: _Config = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what the mail servers offer before and after TLS, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, for programs.")] = False,
) -> None:
    """Try every part, and say what to mend.

    Settings, database, Slack's tokens, scopes and channels, mail servers. Nothing is posted or sent. Exits 1 where
    something does not work, 2 where a setting is missing.
    """
    logs.configure("console", level=logging.ERROR)
    settings = load(config_file=config)
    from rich.console import Console

    from bridge.commands import check as checking

    findings = until_stopped(checking.check(settings)) or []
    if as_json:
        typer.echo(checking.as_json(findings))
    else:
        checking.show(findings, Console(), detailed=["imap", "smtp", "slack"] if verbose else [])
    raise typer.Exit(checking.exit_code(findings))


@app.command()
def login(
    mailbox: Annotated[str, typer.Argument(metavar="MAILBOX", help="The mailbox's name, as in bridge.toml.")],
    *,
    device: Annotated[bool, typer.Option("--device", help="Type a code in on any other machine instead.")] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port that the browser comes back to; 0 is any free one.")
    ] = 0,
    config: _Config = None,
) -> None:
    """Sign in to a mailbox by OAuth2.

    Shows the address to open, waits until somebody has signed in there, keeps the sign-in, and tries the mailbox's
    servers with it. A running service goes on with it by itself. Exits 1 where they do not take it.
    """
    logs.configure("console", level=logging.ERROR)
    settings = load(config_file=config)
    from bridge.commands.login import login as sign_in

    done = until_stopped(sign_in(settings, mailbox, device=device, browser=browser, port=port, say=typer.echo))
    raise typer.Exit(0 if done else 1)


@app.command()
def replay(
    what: Annotated[str, typer.Argument(metavar="FILE.eml|ID", help="A mail's file, or its number in quarantine.")],
    *,
    config: _Config = None,
) -> None:
    """Read a mail again, and say what was understood.

    Either a file, or by its number a mail that could not be read when it came in.
    """
    logs.configure("console")
    is_id = what.isascii() and what.isdigit() and len(what) < _LONGEST_ID
    if not is_id and not Path(what).is_file():
        raise Misconfigured(
            f"{what} is neither a file nor a mail's number: give a mail's file, or its number in quarantine."
        )
    settings = load(config_file=config)
    from bridge.commands.replay import replay as run_replay

    typer.echo(until_stopped(run_replay(settings, what)))


app.add_typer(mail_commands, name="mail")


@app.command()
def backfill(
    *,
    mailbox: Annotated[str, typer.Option(metavar="NAME", help="Which mailbox.")],
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="From which day on.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    config: _Config = None,
) -> None:
    """Bring in mail that came before the first watch.

    Paced, and beside a running service, which shows it. Its matters are closed, and nothing is marked in the mailbox. A
    second run takes only what is missing.
    """
    settings = load(config_file=config)
    from rich.console import Console
    from rich.progress import Progress

    from bridge.commands.backfill import backfill as bring_in

    done, console = 0, Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"Mail of {mailbox}", total=None)

        def progress(count: int, total: int) -> None:
            nonlocal done
            done = count
            bar.update(task, completed=count, total=total)

        work = bring_in(settings, mailbox=mailbox, since=since.date(), dry_run=dry_run, progress=progress)
        brought = until_stopped(work)
    if brought is None:
        typer.echo(f"Stopped after {done} mails; the same command goes on from there.")
    elif dry_run:
        typer.echo(f"{brought.found} mails would be brought in.")
    else:
        typer.echo(f"{brought.new} mails were brought in; {brought.known} were known already.")


@app.command()
def reconcile(
    *,
    mailbox: Annotated[str | None, typer.Option(metavar="NAME", help="Only this mailbox.")] = None,
    wait: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for each.")] = 60.0,
    config: _Config = None,
) -> None:
    """Compare the ledger with the mail servers now.

    The running service does it, as it does by itself every hour: a mail that stands in an inbox since the first watch
    and was never taken in is taken in. Exits 1 where a mailbox could not be compared, or something was missing.
    """
    settings = load(config_file=config)
    from bridge.ledger import compare_now

    outcomes = until_stopped(compare_now(settings, mailbox=mailbox, within=wait)) or ()
    for sentence, _ in outcomes:
        typer.echo(sentence)
    raise typer.Exit(0 if all(whole for _, whole in outcomes) else 1)


@app.command()
def export(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The person's mail address.")],
    *,
    out: Annotated[Path, typer.Option(metavar="FILE.zip", dir_okay=False, help="Where to write it.")],
    config: _Config = None,
) -> None:
    """Give out what is kept of a person: their mails, and where they stand, as a ZIP file."""
    settings = load(config_file=config)
    from bridge.commands.personal import Personal

    async def written() -> int:
        async with Personal.open(settings) as personal:
            held = await personal.held(address)
            await personal.export(held, out)
            return len(held.theirs)

    typer.echo(f"{until_stopped(written())} mails are in {out}.")


@app.command()
def erase(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The person's mail address.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: _Config = None,
) -> None:
    """Take away what is kept of a person, here and in Slack, and say what stays elsewhere.

    Works beside a running service, which does the part in Slack. Nothing can bring it back.
    """
    settings = load(config_file=config)
    from bridge.commands.personal import Personal, stays

    async def erased() -> str:
        async with Personal.open(settings) as personal:
            held = await personal.held(address)
            sentence = f"{held} are erased here and in Slack."
            if not (yes or typer.confirm(f"{sentence} Nothing can bring them back. Go on?")):
                raise typer.Abort
            await personal.erase(held)
            return "\n".join([sentence, *stays(held)])

    typer.echo(until_stopped(erased()))


app.add_typer(programs)
app.add_typer(benches, name="bench")


def _complain(sentence: str, *, code: int) -> int:
    print(f"bridge: {' '.join(sentence.split())}", file=sys.stderr)  # noqa: T201 - the answer
    return code


if __name__ == "__main__":
    sys.exit(main())
