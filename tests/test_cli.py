"""The command line: exit codes, one sentence for an error, and a clean stop."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from bridge import __version__
from bridge.cli import app, main

COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without settings, and none in the environment."""
    monkeypatch.chdir(tmp_path)
    for variable in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "MAIL_ADDRESS", "BRIDGE_CONFIG"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_its_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: bridge {command}")
    options = re.findall(r"^  (--\S+)(.*(?:\n {10,}.*)*)", text, re.MULTILINE)
    assert options
    assert all(re.search(r"[A-Z][a-z]+ \w+", explained) for _, explained in options)


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert {"check", "demo", "init", "run", "replay"} <= set(COMMANDS)
    assert all(f"\n  {command} " in text for command in COMMANDS)


def test_version_is_the_packages() -> None:
    asked = subprocess.run([sys.executable, "-m", "bridge", "--version"], capture_output=True, text=True, check=True)
    assert asked.stdout == f"bridge {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "command"),
        (["dmeo"], "dmeo"),
        (["demo", "--prot", "1"], "--prot"),
        (["demo", "--port", "many"], "--port"),
        (["demo", "--language", "de"], "--language"),
        (["demo", "--port", "70000"], "--port"),
        (["replay"], "FILE.eml"),
        (["replay", "no-such-file.eml"], "no-such-file.eml"),
        (["replay", "9" * 23], "9" * 23),
        (["run"], "SLACK_BOT_TOKEN"),
        (["run", "--config", "nowhere.toml"], "--config"),
        (["mail"], "command"),
        (["mail", "list"], "bridge init"),
        (["backfill", "--mailbox", "a", "--since", "2026-01-01"], "bridge init"),
        (["login", "nobody"], "nobody"),
    ],
)
def test_a_mistake_in_usage_or_settings_exits_2_with_one_sentence(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(r"bridge: .+\.\n", said.err)
    assert named in said.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_that_was_asked_for_is_clean_and_a_success(number: signal.Signals) -> None:
    process = _working("finally:\n        print('cleaned up', flush=True)")
    process.send_signal(number)
    rest, _ = process.communicate(timeout=30)
    assert rest == "cleaned up\nNone\n"
    assert process.returncode == 0


def test_a_second_sigterm_does_not_cut_the_cleaning_short() -> None:
    process = _working(
        "finally:\n        print('cleaning', flush=True)\n"
        "        await asyncio.to_thread(sys.stdin.readline)\n        print('cleaned up', flush=True)"
    )
    assert process.stdout is not None
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "cleaning\n"
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate("go on\n", timeout=30)
    assert rest == "cleaned up\nNone\n"


def _working(finish: str) -> subprocess.Popen[str]:
    """A process that works until it is stopped, and then finishes in this way."""
    script = f"""
import asyncio, sys
from bridge.cli import until_stopped
async def work():
    try:
        print("ready", flush=True)
        await asyncio.Event().wait()
    {finish}
print(until_stopped(work()))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_typer_shows_no_box_art() -> None:
    assert isinstance(app, typer.Typer)
    assert app.rich_markup_mode is None
