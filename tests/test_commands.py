"""What is typed after `/mail`."""

import pytest

from bridge.errors import Refused
from bridge.slack.commands import USAGE, Command, help_text, parse_command


@pytest.mark.parametrize(
    ("typed", "verb", "number", "rest"),
    [
        ("", "help", 0, ""),
        ("inbox", "inbox", 0, ""),
        ("Reply #1042", "reply", 1042, ""),
        ("reply-all 7", "reply_all", 7, ""),
        ("show 7 original", "show", 7, "original"),
        ("search  two   words", "search", 0, "two words"),
        ("new <mailto:dana@example.com|dana@example.com>", "new", 0, "dana@example.com"),
    ],
)
def test_a_command_is_read_as_people_type_it(typed: str, verb: str, number: int, rest: str) -> None:
    command = parse_command(typed)
    assert (command.verb, command.number, command.rest) == (verb, number, rest)


@pytest.mark.parametrize(
    "typed", ["dance", "reply", "reply one", "reply 0", "reply -1", "close ²", "reply " + "9" * 30]
)
def test_what_makes_no_sense_is_answered_with_the_usage(typed: str) -> None:
    with pytest.raises(Refused, match="/mail"):
        parse_command(typed)


def test_a_person_is_known_by_the_id_that_slack_put_there() -> None:
    assert parse_command("assign 7 <@U0JONAS001|jonas>").user == "U0JONAS001"
    with pytest.raises(Refused, match="Say who"):
        _ = Command(verb="assign", rest="@jonas").user


def test_help_names_every_verb() -> None:
    assert all(f"`/mail {verb}" in help_text() for verb in USAGE)
