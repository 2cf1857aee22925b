"""The names that the outside relies on: typed, configured, pressed, scraped. Added to, never renamed or taken away."""

import functools
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import typer.main
from onstage import Desk, actions, ask, nodes, rich

from bridge.cli import app
from bridge.config import Settings, load
from bridge.demo.stage import CHANNEL, Stage
from bridge.demo.world import Silence
from bridge.model import Attachment
from bridge.slack.commands import USAGE

COMMANDS = {
    "demo": {"--port", "--no-browser", "--data"},
    "run": {"--config"},
    "check": {"--config", "-v", "--json"},
    "init": set(),
    "backfill": {"--mailbox", "--since"},
    "replay": set(),
    "login": set(),
    **{f"mail {verb}": {"--json"} for verb in ["list", "read", "search", "reply", "send", "mark", "delete", "restore"]},
    "bench": set(),
}
VARIABLES: dict[str, tuple[str, Any]] = {
    # variable: what it is set to, and where it is found again
    "SLACK_BOT_TOKEN": ("xoxb-1", lambda it: it.slack.bot_token.get_secret_value()),
    "SLACK_APP_TOKEN": ("xapp-1", lambda it: it.slack.app_token.get_secret_value()),
    "SLACK_SIGNING_SECRET": ("s1gn", lambda it: it.slack.signing_secret.get_secret_value()),
    "SLACK_API_URL": ("https://slack.example/api/", lambda it: it.slack.api_url),
    "BRIDGE_DATABASE_URL": ("postgresql://h/b?sslmode=require", lambda it: it.database_url.get_secret_value()),
    "BRIDGE_DATA": ("there", lambda it: str(it.data)),
    "BRIDGE_HTTP": ("127.0.0.1:9000", lambda it: f"{it.http.host}:{it.http.port}"),
    "BRIDGE_LOG": ("json", lambda it: it.log),
    "BRIDGE_SECRET_KEY": (
        "a-key-of-enough-length,another-of-enough-length",
        lambda it: b",".join(it.secret_keys).decode(),
    ),
    "MAIL_ADDRESS": ("support@corp.example", lambda it: it.mailboxes[0].address),
    "MAIL_PASSWORD": ("p4ss", lambda it: it.mailboxes[0].imap.password.get_secret_value()),
    "MAIL_USERNAME": ("someone", lambda it: it.mailboxes[0].imap.username),
    "MAIL_NAME": ("Support", lambda it: it.mailboxes[0].display_name),
    "MAIL_IMAP_HOST": ("imap.corp.example", lambda it: it.mailboxes[0].imap.host),
    "MAIL_IMAP_PORT": ("1993", lambda it: str(it.mailboxes[0].imap.port)),
    "MAIL_IMAP_SECURITY": ("starttls", lambda it: it.mailboxes[0].imap.security),
    "MAIL_SMTP_HOST": ("smtp.corp.example", lambda it: it.mailboxes[0].smtp.host),
    "MAIL_SMTP_PORT": ("1465", lambda it: str(it.mailboxes[0].smtp.port)),
    "MAIL_SMTP_SECURITY": ("tls", lambda it: it.mailboxes[0].smtp.security),
    "MAIL_SMTP_USERNAME": ("sender", lambda it: it.mailboxes[0].smtp.username),
    "MAIL_SMTP_PASSWORD": ("0ther", lambda it: it.mailboxes[0].smtp.password.get_secret_value()),
    "MAIL_SAVE_SENT": ("off", lambda it: it.mailboxes[0].save_sent),
    "MAIL_MAX_BYTES": ("2000000", lambda it: str(it.max_bytes)),
    "MAIL_CHANNEL": ("#mail", lambda it: it.mailboxes[0].channel),
    "MAIL_HOLD_SECONDS": ("30", lambda it: f"{it.mailboxes[0].hold_seconds:.0f}"),
    "MAIL_AUTO_ACK": ("on", lambda it: {True: "on"}[it.mailboxes[0].auto_ack]),
}
TOML = """
[[mailbox]]
name = "one"
address = "one@corp.example"
display_name = "One"
channel = "C0123456"
hold_seconds = 5
auto_ack = true
source = "imap"
imap = { host = "h", port = 993, security = "tls", username = "u", password_env = "ONE_PASSWORD", auth = "password" }
smtp = { host = "h", port = 587, security = "starttls", username = "u", password_env = "ONE_PASSWORD" }
folders = { inbox = "INBOX", sent = "S", trash = "T", archive = "A", junk = "J" }
save_sent = "auto"

[[mailbox]]
name = "two"
address = "two@corp.example"
channel = "#two"
source = "local"
smtp = { host = "localhost", security = "none" }

[intake]
smtp = "127.0.0.1:2525"
lmtp = "127.0.0.1:2424"

[agents]
users = ["U0123456"]
"""
SLASH_VERBS = """inbox read search new reply mark delete restore archive spam reply_all forward show claim assign close
reopen snooze log templates status help"""
MENU_VERBS = """reply_all forward mark_read mark_unread flag snooze archive spam delete restore show_full
show_original"""
METRICS = (
    'bridge_mail_received_total{mailbox="support"}',
    'bridge_jobs{state="ready"}',
    "bridge_job_lag_seconds",
    "bridge_intake_latency_seconds_bucket",
    'bridge_slack_requests_total{method="auth.test",outcome="ok"}',
    "bridge_mailbox_last_heard_seconds",
)


# --- typed and configured ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_options(command: str) -> None:
    found: Any = typer.main.get_command(app)
    for word in command.split():
        found = found.commands[word]
    assert {option for one in found.params for option in (*one.opts, *one.secondary_opts)} >= COMMANDS[command]


@pytest.mark.parametrize("layer", ["environment", ".env"])
def test_every_variable_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: str) -> None:
    monkeypatch.chdir(tmp_path)
    said = {name: value for name, (value, _) in VARIABLES.items()}
    (tmp_path / ".env").write_text("".join(f"{name}='{value}'\n" for name, value in said.items()) + "FOREIGN=1\n")
    read = load(environ={}) if layer == ".env" else load(environ=said, env_file=None)
    assert {name: where(read) for name, (_, where) in VARIABLES.items()} == said


def test_the_defaults_are_those_that_are_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    read = load(environ={"MAIL_ADDRESS": "a@gmail.com", "MAIL_PASSWORD": "x", "MAIL_CHANNEL": "#a"})
    (box,) = read.mailboxes
    assert box.imap
    assert (read.max_bytes, read.data, read.http.host, read.http.port) == (
        40 << 20,
        Path("bridge-data"),
        "127.0.0.1",
        8080,
    )
    assert read.database_url.get_secret_value() == "sqlite:///bridge-data/bridge.db"
    assert (box.hold_seconds, box.auto_ack, box.save_sent, box.imap.username) == (10, False, "auto", "a@gmail.com")
    assert (tmp_path / "bridge-data" / "secret.key").stat().st_mode & 0o777 == 0o600


def test_every_key_of_the_file_is_heard(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text(TOML)
    (tmp_path / ".env").write_text("ONE_PASSWORD=named\n")
    read = load(
        config_file=tmp_path / "elsewhere.toml", environ={"BRIDGE_DATA": str(tmp_path)}, env_file=tmp_path / ".env"
    )
    assert by_variable(tmp_path) == read
    one, two = read.mailboxes
    assert one.imap
    assert [one.imap.password.get_secret_value(), one.smtp.password.get_secret_value()] == ["named", "named"]
    assert two.imap is None


def by_variable(folder: Path) -> Settings:
    environ = {"BRIDGE_CONFIG": str(folder / "elsewhere.toml"), "BRIDGE_DATA": str(folder)}
    return load(environ=environ, env_file=folder / ".env")


# --- pressed ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=60)
    made.http = "127.0.0.1:0"
    await made.start()
    yield made
    await made.stop()


def test_every_slash_verb_is_there() -> None:
    assert set(SLASH_VERBS.split()) <= set(USAGE)


async def test_a_card_has_its_buttons_values_and_metadata(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    assert {"reply", "claim", "close", "more"} <= set(actions(card))
    buttons = {node["action_id"]: node["value"] for node in nodes(card) if node.get("type") == "button"}
    assert set(buttons.values()) == {"1"}
    menus = [node["options"] for node in nodes(card) if node.get("type") == "overflow"]
    assert all(len(options) <= 5 for options in menus)
    assert all(re.fullmatch(r"[a-z_]+:1", one["value"]) for options in menus for one in options)
    line = await mina.sees(lambda: mina.line(card, "where are they?"))
    for posted in (card, line or {}):
        assert posted["metadata"]["event_type"] == "mail_bridge"
        assert set(posted["metadata"]["event_payload"]) == {"conversation", "key"}
        assert posted["metadata"]["event_payload"]["conversation"] == 1
    assert "Two bags" not in json.dumps(card["metadata"])
    await mina.person.click(CHANNEL, card["ts"], "close")
    await mina.sees(lambda: "reopen" in actions(mina.cards()[0]))


async def test_the_menus_offer_every_verb_that_fits(stage: Stage, mina: Desk) -> None:
    """Which depends on how the conversation stands; what does not fit in is in `/mail`."""

    def offered() -> set[str]:
        found = [node["value"] for node in nodes(mina.cards()) if ":" in str(node.get("value", ""))]
        return {one.partition(":")[0] for one in found}

    await ask(stage, cc="Ben <ben@example.org>")
    await mina.sees_card("Two bags")
    seen = offered()
    for typed, fits in (("mark 1 read", "mark_unread"), ("archive 1", "restore")):
        await mina.person.command(CHANNEL, "/mail", typed)
        await mina.sees(functools.partial(lambda verb: verb in offered(), fits))
        seen |= offered()
    assert set(MENU_VERBS.split()) <= seen


async def test_the_modals_have_their_names(stage: Stage, mina: Desk) -> None:
    bill = Attachment(filename="bill.pdf", content_type="application/pdf", content=b"%PDF-1.4")
    await ask(stage, files=[bill])
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: [one for one in mina.thread(card) if one.get("files")])
    fields = {"to", "cc", "bcc", "subject", "body", "files"}
    for typed, more in (("reply 1", {"quote"}), ("forward 1", {"originals"}), ("new", {"mailbox"})):
        await mina.person.command(CHANNEL, "/mail", typed)
        view = await mina.sees_compose()
        inputs = {one["block_id"]: one["element"] for one in view["blocks"] if one["type"] == "input"}
        assert set(inputs) >= fields | more
        assert {one["action_id"] for one in inputs.values()} == {"value"}
        assert (inputs["body"]["type"], inputs["files"]["type"]) == ("rich_text_input", "file_input")
        assert re.search(r"[0-9a-f]{16}", view["private_metadata"])  # the draft's id
        if typed != "reply 1":
            await mina.person.close_view()
            continue
        answer = await mina.person.submit({"body": rich("Here")})
        assert answer
        shown = answer["view"]
        assert answer["response_action"] == "update"
        assert {"cancel_send", "send_now"} <= set(actions(shown))
        draft = re.findall(r"[0-9a-f]{16}", view["private_metadata"])
        assert {node["value"] for node in nodes(shown) if "action_id" in node} == set(draft)
        line = await mina.sees(lambda: mina.line(card, "Leaves at"))
        assert {"cancel_send", "send_now"} <= set(actions(line or {}))
        await mina.person.close_view()
    for typed, callback_id in (("delete 1", "confirm_delete"), ("snooze 1", "snooze")):
        await mina.person.command(CHANNEL, "/mail", typed)
        await mina.sees(
            functools.partial(lambda wanted: (mina.person.view() or {}).get("callback_id") == wanted, callback_id)
        )
        view = mina.person.view() or {}
        inputs = {one["block_id"]: one["element"]["action_id"] for one in view["blocks"] if one["type"] == "input"}
        assert inputs == ({"until": "value"} if callback_id == "snooze" else {})
        await mina.person.close_view()


async def test_an_uncertain_delivery_has_its_two_buttons(stage: Stage, mina: Desk) -> None:
    stage.world.faults.silences = iter([Silence.LOST])
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Here")})
    line = await mina.sees(lambda: mina.line(card, "Leaves at"))
    await mina.person.click(CHANNEL, (line or {})["ts"], "send_now")
    line = await mina.sees(lambda: mina.line(card, "Perhaps delivered"))
    assert {"resend", "mark_delivered"} <= set(actions(line or {}))


# --- scraped ----------------------------------------------------------------------------------------------------------


async def test_the_endpoints_and_the_metrics_are_there(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.sees_card("Two bags")
    async with aiohttp.ClientSession() as session:
        for path in ("/healthz", "/readyz", "/metrics"):
            async with session.get(stage.url(path)) as answer:
                assert answer.status == 200
                text = await answer.text()
    assert all(f"\n{name}" in text for name in METRICS)
    assert "# TYPE bridge_mail_sent_total counter" in text
    assert "# TYPE bridge_intake_latency_seconds histogram" in text
