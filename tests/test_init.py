"""`bridge init`: what it asks, what it writes, and what it leaves alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli import app, main
from bridge.config import check_runnable, load

SECRETS = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1", "MAIL_PASSWORD": "p'a\\ss $x \"#"}
GMAIL = ["--address", "help@gmail.com", "--name", 'Ann "A" Öz', "--channel", "#support"]


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in (*SECRETS, "BRIDGE_CONFIG"):
        monkeypatch.delenv(variable, raising=False)


def test_with_everything_given_it_asks_nothing_and_run_has_all_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, value in SECRETS.items():
        monkeypatch.setenv(variable, value)
    assert main(["init", *GMAIL]) == 0
    said = capsys.readouterr().out
    assert "manifest.yml" in said
    assert "app password" in said
    settings = load(environ={}, env_file=tmp_path / ".env")
    check_runnable(settings)
    (mailbox,) = settings.mailboxes
    assert mailbox.imap
    assert mailbox.imap.password.get_secret_value() == SECRETS["MAIL_PASSWORD"]
    assert (mailbox.display_name, mailbox.channel) == ('Ann "A" Öz', "#support")
    assert (mailbox.imap.host, mailbox.smtp.host) == ("imap.gmail.com", "smtp.gmail.com")


def test_secrets_are_for_their_owner_alone_and_in_no_other_file(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["init", *GMAIL], env=SECRETS)
    assert done.exit_code == 0
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert all(value not in (tmp_path / "bridge.toml").read_text() + done.output for value in SECRETS.values())


def test_a_person_is_asked_again_until_the_answer_can_be(tmp_path: Path) -> None:
    answers = [
        "xapp-swapped",
        "xoxb-1",
        "xapp-1",
        "nobody",
        "me@corp.example",
        "imap.corp.example",
        "smtp.corp.example",
    ]
    answers += ["secret", "Me", "support", "#support"]
    done = CliRunner().invoke(app, ["init"], input="\n".join(answers) + "\n")
    assert done.exit_code == 0, done.output
    assert "must be a bot token" in done.output
    (mailbox,) = load(environ={}, env_file=tmp_path / ".env").mailboxes
    assert mailbox.imap
    assert (mailbox.imap.host, mailbox.smtp.host) == ("imap.corp.example", "smtp.corp.example")


def test_what_stands_there_is_kept_unless_replacing_it_is_wanted(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MINE=1\n")
    done = CliRunner().invoke(app, ["init", *GMAIL], env=SECRETS, input="n\n")
    assert done.exit_code != 0
    assert (tmp_path / ".env").read_text() == "MINE=1\n"
    assert not (tmp_path / "bridge.toml").exists()
    assert CliRunner().invoke(app, ["init", *GMAIL, "--replace"], env=SECRETS).exit_code == 0
    assert "MINE" not in (tmp_path / ".env").read_text()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["--address", "nobody"], "mail address"), (["--address", "a@gmail.com", "--channel", "x y"], "channel")],
)
def test_an_option_that_cannot_be_exits_2_and_writes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    named: str,
) -> None:
    for variable, value in SECRETS.items():
        monkeypatch.setenv(variable, value)
    assert main(["init", "--name", "", *arguments]) == 2
    assert named in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_where_nobody_answers_it_says_so_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MINE=1\n")
    for arguments, code in ((["init"], 1), (["init", "--replace"], 2)):
        asked = subprocess.run(
            [sys.executable, "-m", "bridge", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
        assert asked.returncode == code
        assert "bridge: " in asked.stderr.splitlines()[-1]
        assert "Traceback" not in asked.stderr


def test_a_port_says_how_a_server_is_secured(tmp_path: Path) -> None:
    hosts = ["--imap-host", "mail.corp.example:143", "--smtp-host", "mail.corp.example:587"]
    done = CliRunner().invoke(app, ["init", "--address", "a@corp.example", *GMAIL[2:], *hosts], env=SECRETS)
    assert done.exit_code == 0, done.output
    (mailbox,) = load(environ={}, env_file=tmp_path / ".env").mailboxes
    assert mailbox.imap
    assert (mailbox.imap.port, mailbox.imap.security) == (143, "starttls")
    assert (mailbox.smtp.port, mailbox.smtp.security) == (587, "starttls")


@pytest.mark.parametrize(
    "where",
    [
        ["--address", "a@outlook.com"],
        [
            "--address",
            "a@corp.example",
            "--imap-host",
            "outlook.office365.com",
            "--smtp-host",
            "smtp.office365.com:587",
        ],
    ],
)
def test_microsoft_is_signed_in_to_by_oauth_and_asked_for_no_password(tmp_path: Path, where: list[str]) -> None:
    given = ["--name", "", "--channel", "#support", "--client-id", "11111111-2222"]
    done = CliRunner().invoke(app, ["init", *where, *given], env={**SECRETS, "MAIL_PASSWORD": ""})
    assert done.exit_code == 0, done.output
    assert "bridge login a" in done.output
    settings = load(environ={}, env_file=tmp_path / ".env")
    check_runnable(settings)
    (mailbox,) = settings.mailboxes
    assert mailbox.imap
    assert (mailbox.imap.auth, mailbox.smtp.auth, mailbox.oauth.client_id) == ("xoauth2", "xoauth2", "11111111-2222")
    assert "MAIL_PASSWORD" not in (tmp_path / ".env").read_text()
