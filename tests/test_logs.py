"""Logs: one line each, without addresses and secrets, whoever wrote them."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from bridge import logs

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logger() -> Any:
    logs.configure("json")
    return structlog.get_logger()


def lines(capsys: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_a_sentence_and_its_fields(capsys: Capture) -> None:
    logger().info("bridge ready", mailboxes=2)
    (line,) = lines(capsys)
    assert (line["event"], line["mailboxes"], line["level"]) == ("bridge ready", 2, "info")
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    "value",
    [
        "jane.doe@example.com",
        "Jane <jane.doe@example.com>, jane.doe@mx",
        {"to": ["jane.doe@example.com"]},
        ("jane.doe@example.com",),
        b"jane.doe@example.com",
        ValueError("jane.doe@example.com"),
    ],
)
def test_no_address_is_written(capsys: Capture, value: object) -> None:
    logger().info("a mail to jane.doe@example.com", value=value)
    (line,) = lines(capsys)
    assert "jane" not in json.dumps(line)
    assert "[address]" in line["event"]


@pytest.mark.parametrize(
    "value",
    [
        "xoxb-123-hush",
        "xoxe.xoxb-1-hush",
        "xapp-1-A1-hush",
        "postgresql://bridge:hush@db/bridge",
        "Authorization: Bearer hush",
        "wss://wss.example.com/link/?ticket=hush&app_id=1",
        "https://hooks.slack.com/actions/T1/2/hush",
    ],
)
def test_no_secret_is_written(capsys: Capture, value: str) -> None:
    logger().info(f"it said {value} then", value=value, inner={"client_secret": "hush"}, password="hush")
    (line,) = lines(capsys)
    assert "hush" not in json.dumps(line)


def test_message_ids_can_be_followed(capsys: Capture) -> None:
    logger().info("sent", message_id="<1.2@bridge.example.com>")
    assert lines(capsys)[0]["message_id"] == "<1.2@bridge.example.com>"


def test_a_traceback_is_one_line_without_addresses(capsys: Capture) -> None:
    logs.configure("json")
    _log_an_error("no mailbox jane.doe@example.com")
    (line,) = lines(capsys)
    assert "no mailbox [address]" in line["exception"]


def _log_an_error(about: str) -> None:
    try:
        int(about)
    except ValueError:
        structlog.get_logger().exception("it went wrong")


def test_libraries_are_heard_from_warning_up_and_redacted_too(capsys: Capture) -> None:
    logs.configure("json")
    logging.getLogger("slack_bolt.AsyncApp").info("chatter")
    logging.getLogger("sqlalchemy.engine").warning("slow for %s", "jane.doe@example.com")
    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("slow for [address]", "warning")


def test_a_person_reads_the_same_on_a_terminal(capsys: Capture) -> None:
    logs.configure("console")
    structlog.get_logger().info("bridge ready", mailboxes=2)
    _log_an_error("jane.doe@example.com")
    said = capsys.readouterr().err
    assert "bridge ready" in said
    assert "mailboxes=2" in said
    assert "[address]" in said
    assert "jane" not in said


@pytest.mark.parametrize("hostile", ["a", "a@", "a.", "xoxb", "://a", "a=b@c-"])
def test_a_hostile_line_costs_linear_time(hostile: str) -> None:
    """A megabyte of what looks like the beginning of an address or a token takes no minute."""
    text = hostile * (1_000_000 // len(hostile))
    assert logs.redact(None, "info", {"event": "://" + text}) is not None
