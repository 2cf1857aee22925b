"""What the desk gives to other programs, as commands: its numbers for a spreadsheet, tools for an AI assistant."""

import importlib.util
import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from bridge import logs
from bridge.config import load
from bridge.errors import Misconfigured
from bridge.stopping import until_stopped

programs = typer.Typer(rich_markup_mode=None)

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The bridge.toml to read.")]


@programs.command()
def numbers(
    *,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="The first day. Default: a week ago.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="The last day. Default: today.")
    ] = None,
    mailbox: Annotated[str | None, typer.Option(metavar="NAME", help="Only this mailbox.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="A row for each conversation, as CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same rows, as JSON.")] = False,
    details: Annotated[
        bool, typer.Option("--details", help="Subject and customer's address, too: personal data.")
    ] = False,
    config: Config = None,
) -> None:
    """Tell the desk's numbers: mails, first answers, what is open.

    In words; or a row for each conversation that began in the time, for a spreadsheet or a program.
    """
    settings = load(config_file=config)
    from bridge.numbers import gathering as counted
    from bridge.slack.numbers import told

    last = (until or datetime.now(tz=ZoneInfo(settings.summary.zone))).date()
    first = since.date() if since else last - timedelta(days=6)
    asked = counted.Asked(since=first, until=last, mailbox=mailbox, details=details)
    if as_csv or as_json:
        rows = until_stopped(counted.export(settings, asked)) or []
        typer.echo(counted.as_csv(rows, details=details) if as_csv else json.dumps(rows, indent=2), nl=not as_csv)
        return
    for one in until_stopped(counted.overall(settings, asked)) or ():
        typer.echo("\n".join([f"{one.mailbox}, {first} to {last}", *(f"  {words}" for words in told(one))]))


@programs.command()
def mcp(
    *,
    as_: Annotated[str, typer.Option("--as", metavar="NAME", help="The assistant's name, as the audit log has it.")],
    mailbox: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A mailbox that it may see; repeatable. Default: all.")
    ] = None,
    config: Config = None,
) -> None:
    """Let an AI assistant read and propose answers, by MCP.

    Speaks the Model Context Protocol on standard input and output, beside a running service. What is proposed waits in
    Slack for a person to send it. Needs the extra: pip install 'mail-bridge[mcp]'.
    """
    logs.configure("console", level=logging.WARNING)
    settings = load(config_file=config)
    if importlib.util.find_spec("mcp") is None:
        raise Misconfigured("`bridge mcp` needs an extra that is not installed: pip install 'mail-bridge[mcp]'.")
    from bridge.commands.mcp import serve

    until_stopped(serve(settings, name=as_, sees=mailbox or ()))
