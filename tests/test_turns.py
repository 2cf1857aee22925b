"""What a person waits for is written before what nobody looks at, and no turn is ever lost."""

import asyncio

from bridge.store.turns import Turns, be_patient


class Writers:
    """Tasks that take a turn each; `order` is who had one."""

    def __init__(self) -> None:
        self.turns = Turns(1)
        self.order: list[str] = []
        self.held = asyncio.Event()

    async def hold(self) -> None:
        """Has the turn until `held` is set."""
        async with self.turns.one():
            await self.held.wait()

    async def write(self, name: str, *, patient: bool = False) -> None:
        if patient:
            be_patient()
        async with self.turns.one():
            self.order.append(name)
            await asyncio.sleep(0)


async def test_a_click_is_written_before_the_jobs_that_waited_already() -> None:
    writers = Writers()
    async with asyncio.TaskGroup() as group:
        group.create_task(writers.hold())
        for name, patient in (("job 1", True), ("job 2", True), ("click 1", False), ("click 2", False)):
            group.create_task(writers.write(name, patient=patient))
        for _ in range(5):
            await asyncio.sleep(0)
        writers.held.set()
    assert writers.order == ["click 1", "click 2", "job 1", "job 2"]


async def test_patience_is_handed_on_to_what_a_patient_task_starts_and_to_nobody_else() -> None:
    writers = Writers()

    async def job() -> None:
        be_patient()
        await asyncio.create_task(writers.write("started by the job"))

    async with asyncio.TaskGroup() as group:
        group.create_task(writers.hold())
        group.create_task(job())
        for _ in range(5):
            await asyncio.sleep(0)
        group.create_task(writers.write("click"))
        for _ in range(5):
            await asyncio.sleep(0)
        writers.held.set()
    assert writers.order == ["click", "started by the job"]


async def test_whoever_gives_up_waiting_loses_nobodys_turn() -> None:
    writers = Writers()
    async with writers.turns.one():
        waiting = [asyncio.create_task(writers.write(f"{number}")) for number in range(4)]
        for _ in range(5):
            await asyncio.sleep(0)
        waiting[0].cancel()
    waiting[1].cancel()  # the turn has been passed on, and its new owner has not begun yet
    await asyncio.gather(*waiting, return_exceptions=True)
    assert writers.order == ["2", "3"]
    async with asyncio.timeout(1):
        await writers.write("later")
