"""No wait until Slack says 429; then its wait for that method there, and one write a second until it is calm again."""

import pytest
from workplace import Clock

from bridge.slack.pacing import CALM, SPACING, Pacing

POST = "chat.postMessage"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pacing(clock: Clock) -> Pacing:
    return Pacing(clock=clock)


def test_a_burst_is_never_held_back_while_slack_takes_it(pacing: Pacing) -> None:
    for _ in range(50):
        assert pacing.hold("C1", POST) == 0
        pacing.wrote("C1")


def test_retry_after_holds_to_the_second(pacing: Pacing, clock: Clock) -> None:
    pacing.limited("C1", POST, seconds=7)
    assert pacing.hold("C1", POST) == 7
    clock.time += 6.5
    assert pacing.hold("C1", POST) == 0.5
    clock.time += 0.5
    assert pacing.hold("C1", POST) == 0


def test_other_channels_and_other_methods_do_not_wait_for_it(pacing: Pacing, clock: Clock) -> None:
    pacing.limited("C1", POST, seconds=30)
    assert pacing.hold("C2", POST) == 0
    clock.time += SPACING
    assert pacing.hold("C1", "chat.update") == 0


def test_after_a_429_a_channel_gets_one_write_a_second(pacing: Pacing, clock: Clock) -> None:
    pacing.limited("C1", POST, seconds=1)
    clock.time += 1
    assert pacing.hold("C1", POST) == 0
    pacing.wrote("C1")
    assert pacing.hold("C1", POST) == SPACING
    assert pacing.hold("C1", "chat.update") == SPACING
    clock.time += 0.25
    assert pacing.hold("C1", POST) == SPACING - 0.25


def test_a_minute_without_a_429_lets_it_burst_again(pacing: Pacing, clock: Clock) -> None:
    pacing.limited("C1", POST, seconds=1)
    clock.time += CALM - 1
    pacing.wrote("C1")
    assert pacing.hold("C1", POST) == SPACING
    clock.time += 1
    pacing.wrote("C1")
    assert pacing.hold("C1", POST) == 0


def test_another_429_starts_the_minute_again(pacing: Pacing, clock: Clock) -> None:
    pacing.limited("C1", POST, seconds=1)
    clock.time += CALM - 1
    pacing.limited("C1", POST, seconds=1)
    clock.time += 30
    pacing.wrote("C1")
    assert pacing.hold("C1", POST) == SPACING


def test_asking_whether_a_method_is_closed_does_not_count_the_spacing(pacing: Pacing, clock: Clock) -> None:
    pacing.limited("", "users.info", seconds=2)
    assert pacing.closed("", "users.info") == 2
    clock.time += 2
    pacing.wrote("")
    assert pacing.closed("", "users.info") == 0
