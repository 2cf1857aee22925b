"""The settings about time, as an operator writes them, and the sentence for each mistake."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bridge.config import load
from bridge.errors import Misconfigured
from bridge.settings.models import MailboxSettings

MAILBOX = """
[[mailbox]]
address = "shop@example.com"
channel = "#support"
source = "local"
smtp = { host = "127.0.0.1", security = "none" }
"""


def mailbox(folder: Path, toml: str) -> MailboxSettings:
    """The mailbox of a `bridge.toml` with these lines."""
    (folder / "bridge.toml").write_text(MAILBOX + toml, "utf-8")
    read = load(config_file=folder / "bridge.toml", environ={"BRIDGE_DATA": str(folder)}, env_file=None)
    return read.mailboxes[0]


def test_hours_are_days_and_times_in_a_zone(tmp_path: Path) -> None:
    toml = """
    [mailbox.hours]
    zone = "Asia/Seoul"
    open = ["mon-fri 9:00-18:00"]
    holidays = [2026-12-25, "2027-01-01"]
    """
    hours = mailbox(tmp_path, toml).hours.hours
    seoul = ZoneInfo("Asia/Seoul")
    assert hours.open_at(datetime(2026, 12, 24, 17, 59, tzinfo=seoul))
    assert not hours.open_at(datetime(2026, 12, 25, 12, 0, tzinfo=seoul))
    assert not hours.open_at(datetime(2027, 1, 1, 12, 0, tzinfo=seoul))


def test_hours_keep_the_words_that_they_were_written_in(tmp_path: Path) -> None:
    read = mailbox(tmp_path, 'hours = { open = ["mon-fri 9:00-18:00", "Sat 10:00-14:00"] }')
    assert read.hours.hours.written == ("mon-fri 9:00-18:00", "Sat 10:00-14:00")
    assert mailbox(tmp_path, "").hours.hours.written == ()


def test_a_mailbox_without_hours_is_open_round_the_clock(tmp_path: Path) -> None:
    hours = mailbox(tmp_path, "").hours.hours
    assert hours.open_at(datetime(2026, 12, 25, 3, 0, tzinfo=ZoneInfo("UTC")))


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        (
            'hours = { zone = "Berlin" }',
            "`hours.zone` of mailbox 1 in bridge.toml must be a time zone by its IANA name",
        ),
        ('hours = { open = ["mon to fri"] }', '`hours.open` of mailbox 1 in bridge.toml must hold lines such as "mon-'),
        ('hours = { open = ["mon 9:00-25:00"] }', "`hours.open` of mailbox 1 in bridge.toml must hold times such as"),
        ('hours = { holidays = ["Christmas"] }', "`hours.holidays` of mailbox 1 in bridge.toml must be a valid date"),
        (
            'hours = { opens = "9:00" }',
            "`hours.opens` of mailbox 1 in bridge.toml is no setting: the nearest is `open`",
        ),
    ],
)
def test_a_mistake_is_told_in_a_sentence(tmp_path: Path, toml: str, sentence: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        mailbox(tmp_path, toml)
    assert str(caught.value).startswith(sentence)


def test_answers_are_due_and_nudges_told_after_lengths_of_time(tmp_path: Path) -> None:
    toml = """
    first_response = "4h"
    next_response = "1h 30m"
    nudges = { channel = "-30m", owner = "0m", admins = "off" }
    silence = { close_after = "14d", last_mail = true }
    """
    read = mailbox(tmp_path, toml)
    assert (read.first_response, read.next_response) == (timedelta(hours=4), timedelta(minutes=90))
    assert (read.nudges.channel, read.nudges.owner, read.nudges.admins) == (timedelta(minutes=-30), timedelta(), None)
    assert (read.silence.close_after, read.silence.last_mail) == (timedelta(days=14), True)


def test_nothing_is_due_and_nothing_closes_unless_it_is_said(tmp_path: Path) -> None:
    read = mailbox(tmp_path, "")
    assert (read.first_response, read.next_response, read.silence.close_after) == (None, None, None)


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        (
            'first_response = "soon"',
            '`first_response` of mailbox 1 in bridge.toml must be a length of time such as "30m"',
        ),
        ('first_response = "1d"', "`first_response` of mailbox 1 in bridge.toml must be a length of time such as"),
        ('first_response = "0h"', "`first_response` of mailbox 1 in bridge.toml must be greater than"),
        ("next_response = 4", "`next_response` of mailbox 1 in bridge.toml must be a length of time such as"),
        ('nudges = { owner = "-" }', "`nudges.owner` of mailbox 1 in bridge.toml must be a length of time such as"),
        ('nudges = { boss = "1h" }', "`nudges.boss` of mailbox 1 in bridge.toml is no setting: the nearest is"),
        ('silence = { close_after = "5m" }', "`silence.close_after` of mailbox 1 in bridge.toml must be greater than"),
        ('silence = { text = "{{ x }}" }', "`silence.text` of mailbox 1 in bridge.toml is no template: there is no x"),
        (
            'ack = { text = "{{ hours.close }}" }',
            "`ack.text` of mailbox 1 in bridge.toml is no template: there is no hours.close; it may speak of hours.open,",
        ),
        (
            'ack = { text = "Hi", html = "<p>{{ x }}</p>" }',
            "`ack.html` of mailbox 1 in bridge.toml is no template: there is no x",
        ),
        (
            'ack = { text = "Hi", html = "{{ sender.name|safe }}" }',
            "`ack.html` of mailbox 1 in bridge.toml is no template: line 1: beside words and facts it may have",
        ),
        (
            'ack = { html = "<p>Hi</p>" }',
            "`ack.html` of mailbox 1 in bridge.toml needs `text` beside it: the two are one mail and must say the same",
        ),
        (
            'ack = { html = "<p>Hi</p>", text = " " }',
            "`ack.html` of mailbox 1 in bridge.toml needs `text` beside it",
        ),
        (
            'silence = { html = "<p>Bye</p>", close_after = "14d" }',
            "`silence.html` of mailbox 1 in bridge.toml needs `text` beside it",
        ),
        ('ack = { htm = "<p>Hi</p>" }', "`ack.htm` of mailbox 1 in bridge.toml is no setting: the nearest is `html`"),
    ],
)
def test_a_length_or_a_template_that_is_none_is_told_in_a_sentence(tmp_path: Path, toml: str, sentence: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        mailbox(tmp_path, toml)
    assert str(caught.value).startswith(sentence)
    assert not str(caught.value).endswith("..")
