"""`bridge check`: what works, what does not, and what to do."""

import io
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from rich.console import Console

from bridge.commands import check
from bridge.config import Settings, load
from bridge.demo.double.slack import SlackDouble
from bridge.demo.stage import CHANNEL, MINA, Stage
from bridge.settings.providers import sign_in_advice
from bridge.slack import manifest


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """The worlds without the bridge, as they are before its first start."""
    made = Stage(tmp_path)
    await made.slack.start()
    await made.world.start()
    yield made
    await made.stop()


def settings(stage: Stage, **environ: str) -> Settings:
    return load(environ={**stage.environ(), **environ}, config_file=stage.config_file(), env_file=None)


async def failed(configured: Settings) -> dict[str, check.Finding]:
    return {one.part: one for one in await check.check(configured) if not one.works}


async def test_where_all_works_every_part_says_so(stage: Stage) -> None:
    found = await check.check(settings(stage))
    assert [one.says for one in found if not one.works] == []
    assert [one.part for one in found] == [
        *("config", "database", "slack bot token", "slack app token", "channel of support"),
        *("intake of support", "smtp of support"),
    ]
    assert check.exit_code(found) == 0


async def test_a_missing_setting_is_named_and_the_rest_is_tried_all_the_same(stage: Stage) -> None:
    environ = {**stage.environ(), "SLACK_APP_TOKEN": ""}
    found = await check.check(load(environ=environ, config_file=stage.config_file(), env_file=None))
    assert check.exit_code(found) == 2
    assert "SLACK_APP_TOKEN" in found[0].says
    assert {"database", "slack bot token", "smtp of support"} <= {one.part for one in found if one.works}


async def test_missing_scopes_are_named_with_the_fix(tmp_path: Path) -> None:
    double = SlackDouble(manifest=manifest.load(), scopes=manifest.scopes() - {"files:write", "users:read"})
    await double.start()
    environ = {"SLACK_BOT_TOKEN": double.bot_token, "SLACK_API_URL": double.url, "BRIDGE_DATA": str(tmp_path)}
    one = (await failed(load(environ=environ, env_file=None)))["slack bot token"]
    await double.stop()
    assert "files:write, users:read" in one.says
    assert "reinstall" in one.fix


@pytest.mark.parametrize(
    ("flags", "says", "fix"),
    [
        ({"is_archived": True}, "archived", "Unarchive"),
        ({"is_ext_shared": True}, "shared with another organisation", "Choose a channel"),
    ],
)
async def test_a_channel_that_cannot_be_used_is_told(stage: Stage, flags: dict[str, bool], says: str, fix: str) -> None:
    stage.slack.workspace.change_channel(CHANNEL, **flags)
    one = (await failed(settings(stage, MAIL_CHANNEL=CHANNEL)))["channel of support"]
    assert says in one.says
    assert fix in one.fix


async def test_a_channel_without_the_bot_says_what_to_type(stage: Stage) -> None:
    stage.slack.workspace.leave(CHANNEL, stage.slack.workspace.bot_user_id)
    assert "/invite" in (await failed(settings(stage)))["channel of support"].fix


async def canarys(stage: Stage, channel: str) -> check.Finding:
    stage.others = f'[canary]\nmailbox = "support"\nchannel = "{channel}"\n'
    found = await check.check(settings(stage))
    return next(one for one in found if one.part == "channel of the canary")


async def test_the_canarys_channel_is_looked_at_too(stage: Stage) -> None:
    here = stage.slack.workspace
    here.add_channel("admins", channel_id="C0ADMINS01", members=[MINA, here.bot_user_id])
    for name in ("#admins", "C0ADMINS01"):
        one = await canarys(stage, name)
        assert (one.works, one.says) == (True, "The bot is in #admins and may post there.")


async def test_a_canarys_channel_where_the_bot_cannot_post_is_told_with_the_fix(stage: Stage) -> None:
    one = await canarys(stage, "#general")
    assert (one.works, one.says, one.fix) == (
        *(False, "The bot is not in #general."),
        "Type /invite @Bridge in #general.",
    )
    one = await canarys(stage, "#nowhere")
    assert not one.works
    assert "no channel #nowhere: correct `channel` under [canary] in bridge.toml" in one.says
    one = await canarys(stage, "C0NOWHERE1")
    assert not one.works
    assert "`channel` under [canary] in bridge.toml" in one.fix


@pytest.mark.parametrize(
    ("flags", "says", "fix"),
    [
        ({"is_archived": True}, "archived", "Unarchive"),
        ({"is_ext_shared": True}, "would read what is wrong here", "Choose a channel"),
    ],
)
async def test_a_canarys_channel_that_is_of_no_use_is_told(
    stage: Stage, flags: dict[str, bool], says: str, fix: str
) -> None:
    stage.slack.workspace.change_channel(CHANNEL, **flags)
    one = await canarys(stage, CHANNEL)
    assert not one.works
    assert says in one.says
    assert fix in one.fix


RULES = """
[[template]]
name = "Hours"
text = "We open at nine."

[[rule]]
name = "Good"
then = { channel = "#support", owner = "U0MINA0001", template = "hours" }

[[rule]]
name = "Bad"
then = { channel = "#nowhere", owner = ["U0LEFTLONG", "U0GUEST001"], template = "Refund" }

[[rule]]
name = "Away"
then = { channel = "C0GENERAL1" }
"""


async def test_what_rules_name_that_there_is_not_is_told(stage: Stage) -> None:
    stage.others = RULES
    found = [one for one in await check.check(settings(stage)) if one.part.startswith("rule")]
    assert [(one.part, one.works) for one in found] == [("rule Bad", False)] * 4 + [("rule Away", False)]
    says = " ".join(one.says for one in found)
    assert all(word in says for word in ("#nowhere", "U0LEFTLONG", "lee", "template Refund", "#general is without"))


async def test_rules_that_name_what_there_is_are_in_order(stage: Stage) -> None:
    stage.others = RULES.partition('[[rule]]\nname = "Bad"')[0]
    assert [one.works for one in await check.check(settings(stage)) if one.part == "rules"] == [True]


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [("SLACK_BOT_TOKEN", "xoxb-old", "slack bot token"), ("SLACK_APP_TOKEN", "xapp-old", "slack app token")],
)
async def test_a_token_that_slack_refuses_is_told_by_its_key(
    stage: Stage, variable: str, value: str, part: str
) -> None:
    found = await failed(settings(stage, **{variable: value}))
    assert variable in found[part].says


async def test_a_database_that_cannot_be_opened_is_told(stage: Stage) -> None:
    (stage.data / "file").write_text("no folder")
    found = await failed(settings(stage, BRIDGE_DATABASE_URL=f"sqlite:///{stage.data}/file/bridge.db"))
    assert list(found) == ["database"]
    assert check.exit_code(found.values()) == 1


async def test_a_mail_server_that_is_away_is_told_and_its_capabilities_are_shown_on_request(stage: Stage) -> None:
    good = await check.check(settings(stage))
    console = Console(record=True, width=200, file=io.StringIO())
    check.show(good, console, detailed=["smtp"])
    assert "before TLS: " in console.export_text()
    await stage.world.stop()
    assert "cannot be reached" in (await failed(settings(stage)))["smtp of support"].says


async def test_the_json_says_the_same(stage: Stage) -> None:
    found = json.loads(check.as_json(await check.check(settings(stage))))
    assert found[0].keys() == {"part", "works", "says", "fix", "detail"}


async def test_an_imap_server_that_is_away_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    environ = {"MAIL_ADDRESS": "a@corp.example", "MAIL_PASSWORD": "secret", "MAIL_CHANNEL": "#a"}
    for kind in ("IMAP", "SMTP"):
        hosts = {f"MAIL_{kind}_HOST": "127.0.0.1", f"MAIL_{kind}_PORT": str(port), f"MAIL_{kind}_SECURITY": "none"}
        environ |= hosts
    found = await failed(load(environ={**environ, "BRIDGE_DATA": str(tmp_path)}, env_file=None))
    assert {"config", "imap of a", "smtp of a"} == set(found)
    for part in ("imap of a", "smtp of a"):
        assert "cannot be reached" in found[part].says
        assert f"127.0.0.1:{port}" in found[part].fix


def test_gmail_and_microsoft_say_what_kind_of_password_they_take() -> None:
    assert "app password" in sign_in_advice("smtp.gmail.com")
    assert "OAuth2" in sign_in_advice("smtp.office365.com")
    assert sign_in_advice("mail.example.com") == ""
