"""One writer to a channel at a time, in the order of asking; what a person waits for goes first."""

import asyncio

import pytest

from bridge.slack.turns import Turns, hurried


async def waiting(turns: Turns, name: str, order: list[str]) -> asyncio.Task[None]:
    async def write() -> None:
        async with turns.mine():
            order.append(name)
            await asyncio.sleep(0)

    task = asyncio.create_task(write())
    await asyncio.sleep(0)  # it asks now
    return task


async def test_hurried_writers_go_before_all_that_wait_and_each_kind_in_its_order() -> None:
    turns, order = Turns(), list[str]()
    async with turns.mine():
        tasks = [await waiting(turns, name, order) for name in ("a", "b")]
        with hurried():
            tasks += [await waiting(turns, name, order) for name in ("first", "second")]
        tasks.append(await waiting(turns, "c", order))
    await asyncio.gather(*tasks)
    assert order == ["first", "second", "a", "b", "c"]


@pytest.mark.parametrize("given", [False, True], ids=["while waiting", "in the moment it is given the turn"])
async def test_a_writer_that_gives_up_holds_up_nobody(given: bool) -> None:
    turns, order = Turns(), list[str]()
    async with turns.mine():
        gone = await waiting(turns, "gone", order)
        kept = await waiting(turns, "kept", order)
        if not given:
            gone.cancel()
    if given:
        gone.cancel()
    await asyncio.wait_for(kept, 5)
    assert order == ["kept"]
    assert gone.cancelled() or gone.done()


async def test_a_writer_that_fails_passes_the_turn_on() -> None:
    turns = Turns()

    async def fail() -> None:
        async with turns.mine():
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()
    async with asyncio.timeout(5), turns.mine():
        pass
