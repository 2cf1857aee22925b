"""What Slack says of people and channels is kept for a minute and never longer than it is true."""

import asyncio

import pytest

from bridge.slack.directory import Remembered, read_channel, read_member


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        ({"display_name": "dana", "real_name": "Dana Scott"}, "dana"),
        ({"display_name": "", "real_name": "Dana Scott"}, "Dana Scott"),
        ({}, "dscott"),
    ],
)
def test_a_person_goes_by_the_name_that_slack_shows(profile: dict[str, str], name: str) -> None:
    assert read_member({"id": "U1", "name": "dscott", "profile": profile}).name == name


def test_either_kind_of_guest_is_a_guest() -> None:
    assert read_member({"id": "U1", "is_restricted": True}).is_guest
    assert read_member({"id": "U1", "is_ultra_restricted": True}).is_guest
    assert not read_member({"id": "U1"}).is_guest


def test_a_channel_object_with_little_in_it_can_be_read() -> None:
    channel = read_channel({"id": "C1"})
    assert (channel.name, channel.is_shared, channel.is_member) == ("", False, False)


async def test_an_answer_that_was_on_its_way_when_things_changed_is_not_kept() -> None:
    """Somebody who was removed while we asked does not stay a member for another minute."""
    kept: Remembered[str, str] = Remembered(lambda: 0.0)
    answered = asyncio.Event()

    async def ask_slowly() -> str:
        await answered.wait()
        return "before"

    async def ask() -> str:
        return "after"

    asking = asyncio.create_task(kept.get("C1", ask_slowly))
    await asyncio.sleep(0)
    kept.forget("C1")
    answered.set()
    assert await asking == "before"
    assert await kept.get("C1", ask) == "after"
