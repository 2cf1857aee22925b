"""What the documents say is there is there."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from bridge.cli import app
from bridge.config import load
from bridge.settings.layers import VARIABLES
from bridge.slack import manifest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/**/*.md"))]
SETTINGS = {*VARIABLES, "BRIDGE_CONFIG"}

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def code(document: Path) -> str:
    """What stands in code blocks and between backticks, one piece a line."""
    text = document.read_text("utf-8")
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return "\n".join([*blocks, *spans])


def commands() -> dict[str, set[str]]:
    """Each command's options, its subcommands' among them."""
    return {name: options(command) for name, command in getattr(typer.main.get_command(app), "commands", {}).items()}


def options(command: Any) -> set[str]:
    own = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    return own.union(*map(options, getattr(command, "commands", {}).values()))


@each_document
def test_every_command_and_option_named_exists(document: Path) -> None:
    known = commands()
    for command, rest in re.findall(r"\b(?:bridge|dev\.py) (?!test\b|ready\b)([a-z]+)\b([^\n]*)", code(document)):
        assert command in known
        assert set(re.findall(r"--[a-z-]+", rest)) <= known[command]


@each_document
def test_every_setting_named_exists(document: Path) -> None:
    assert set(re.findall(r"\b(?:SLACK|BRIDGE|MAIL)_[A-Z][A-Z_]*\b", document.read_text("utf-8"))) <= SETTINGS


@each_document
def test_every_slash_command_and_shortcut_named_exists(document: Path) -> None:
    features = manifest.load()["features"]
    named = set(re.findall(r"(?m)^(/[a-z]+)", code(document)))
    others = {"/healthz", "/readyz", "/metrics", "/slack", "/invite"}  # paths, and what Slack itself understands
    assert named - others <= {command["command"] for command in features["slash_commands"]}


@each_document
def test_every_mailbox_shown_can_be_configured_so(document: Path, tmp_path: Path) -> None:
    for block in re.findall(r"^```toml\n(.*?)^```", document.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        if "[[mailbox]]" in block and re.search("^(imap|source) =", block, re.MULTILINE):  # a whole one
            (tmp_path / "bridge.toml").write_text(block)
            secrets = dict.fromkeys(re.findall(r'_env = "(\w+)"', block), "a secret")
            load(config_file=tmp_path / "bridge.toml", environ={"BRIDGE_DATA": str(tmp_path), **secrets}, env_file=None)


@each_document
def test_every_rule_shown_can_be_configured_so(document: Path, tmp_path: Path) -> None:
    mailbox = '[[mailbox]]\nname = "support"\naddress = "a@example.com"\nchannel = "#a"\nsource = "local"\n'
    server = 'smtp = { host = "127.0.0.1", security = "none" }\n'
    for block in re.findall(r"^```toml\n(.*?)^```", document.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        if "[[rule]]" in block:
            (tmp_path / "bridge.toml").write_text(mailbox + server + block)
            load(config_file=tmp_path / "bridge.toml", environ={"BRIDGE_DATA": str(tmp_path)}, env_file=None)


def test_every_complaint_that_is_explained_is_one_that_is_made() -> None:
    source = " ".join(" ".join(file.read_text("utf-8").split()) for file in sorted((ROOT / "bridge").rglob("*.py")))
    said = re.sub(r"\{[\w.()]+\}", "", source).replace('" "', "").replace('" f"', "")
    table = (ROOT / "docs/mailboxes.md").read_text("utf-8").partition("| what is said |")[2]
    for sentence in re.findall(r"^\| ([A-Z].*?)(?: \.\.\.)? \|", table, re.MULTILINE):
        assert sentence.replace("Junk ", "") in said.replace("no  folder", "no folder"), sentence


@each_document
def test_every_link_into_the_repository_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", document.read_text("utf-8")):
        assert (document.parent / target).exists(), target


def test_readme_begins_with_exactly_two_commands() -> None:
    block = re.search(r"^```\w*\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert block
    assert block[1].splitlines() == ["python3 dev.py demo", "python3 dev.py test"]


def test_the_example_names_every_setting_and_no_other() -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    named = re.findall(r"^#?([A-Z][A-Z_]+)=", text, re.MULTILINE)
    assert sorted(named) == sorted(SETTINGS)


def test_constraints_are_exact_and_name_no_address() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin) for pin in pins)
