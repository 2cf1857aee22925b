"""A moved mail is in one folder, whatever happens in the middle: a kill at any step, a full disk, another mail program."""

import asyncio
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mailroom import written

from bridge.errors import Temporary
from bridge.mail.maildir import Maildir

MAILS = [written(f"mail-{number}") for number in range(6)]
ROOT = Path(__file__).parent.parent


@pytest.fixture
async def maildir(tmp_path: Path) -> AsyncIterator[Maildir]:
    opened = Maildir(tmp_path)
    await asyncio.gather(*(opened.deliver(raw, flags=["\\Flagged"]) for raw in MAILS))
    yield opened
    await opened.close()


def files(path: Path) -> list[Path]:
    """Every mail of a mailbox that can be seen, in all its folders."""
    return [file for file in path.rglob("*") if file.is_file() and file.parent.name in ("new", "cur")]


def assert_each_once(path: Path) -> None:
    assert Counter(file.read_bytes() for file in files(path)) == Counter(MAILS)


async def content(maildir: Maildir) -> dict[int, bytes]:
    """Every mail of a folder by its uid, as it is read."""
    await maildir.sweep()
    found, uid = [], 1
    while uid < maildir.uidnext:
        arrivals, uid = await maildir.load(uid, max_bytes=1 << 20)
        found += arrivals
    return {one.uid: one.raw or b"" for one in found}


# --- interrupted ------------------------------------------------------------------------------------------------------

INTERRUPTED = """
import asyncio, os, signal, sys
from pathlib import Path
from bridge.mail.maildir import Maildir

path, last, when = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
steps = 0

def step(act):
    def counted(*arguments, **more):
        global steps
        steps += 1
        if steps == last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = act(*arguments, **more)
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return counted

async def main():
    inbox = Maildir(path)
    trash = inbox.folder(".Trash")
    await inbox.sweep()
    for name in ("write", "fsync", "rename"):
        setattr(os, name, step(getattr(os, name)))
    await inbox.move(list(inbox.standing()), to=trash)
    await inbox.close()

asyncio.run(main())
print(steps)
"""


def interrupt(path: Path, *, step: int, when: str) -> bool:
    """Moves every mail to the trash and is killed before or after that step; whether it came so far."""
    command = [sys.executable, "-c", INTERRUPTED, str(path), str(step), when]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert not done.stderr
    return done.returncode != 0


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_kill_at_any_step_of_a_move_neither_loses_nor_doubles(tmp_path: Path, when: str) -> None:
    """Each write, sync and rename; the move is done by the next process, and each uid stays one mail's."""
    seen: dict[tuple[int, int], bytes] = {}
    step = 1
    while True:
        inbox = Maildir(tmp_path)
        if step == 1:
            await asyncio.gather(*map(inbox.deliver, MAILS))
        trash = inbox.folder(".Trash")
        back = await trash.move(list(await content(trash)), to=inbox)
        for folder in (inbox, trash):
            for uid, raw in (await content(folder)).items():
                assert seen.setdefault((folder.uidvalidity, uid), raw) == raw
        assert len(back) <= len(await content(inbox)) == len(MAILS)
        await inbox.close()
        if not await asyncio.to_thread(interrupt, tmp_path, step=step, when=when):
            break
        assert_each_once(tmp_path)
        step += 1
    assert step > 8  # the list and its sync, six renames and more syncs
    assert len(files(tmp_path / ".Trash")) == len(MAILS)
    assert_each_once(tmp_path)


async def test_a_move_that_fails_is_done_the_next_time_and_no_uid_is_given_twice(tmp_path: Path) -> None:
    maildir = Maildir(tmp_path)
    await asyncio.gather(*map(maildir.deliver, MAILS))
    trash = maildir.folder(".Trash")
    before = await content(maildir)
    (tmp_path / ".Trash" / "cur").rename(tmp_path / "away")
    for _ in range(2):
        with pytest.raises(Temporary, match="local mailbox"):
            await maildir.move(list(before), to=trash)
        assert await content(maildir) == before
    (tmp_path / "away").rename(tmp_path / ".Trash" / "cur")
    moved = await maildir.move(list(before), to=trash)
    assert await content(trash) == {moved[uid]: raw for uid, raw in before.items()}
    assert await content(maildir) == {}
    assert_each_once(tmp_path)
    await maildir.close()
    again = Maildir(tmp_path)
    assert await content(again.folder(".Trash")) == {moved[uid]: raw for uid, raw in before.items()}
    await again.close()


async def test_a_move_that_has_begun_is_finished(maildir: Maildir, tmp_path: Path) -> None:
    before = await content(maildir)
    trash = maildir.folder(".Trash")
    moving = asyncio.create_task(maildir.move(list(before), to=trash))
    await asyncio.sleep(0)
    moving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await moving
    assert await maildir.move(list(before), to=trash) == {}
    assert sorted((await content(trash)).values()) == sorted(before.values())


async def test_moves_that_cross_wait_for_each_other(maildir: Maildir, tmp_path: Path) -> None:
    trash = maildir.folder(".Trash")
    first, *_ = before = await content(maildir)
    there = await maildir.move([first], to=trash)
    others = [uid for uid in before if uid != first]
    async with asyncio.timeout(30):
        await asyncio.gather(maildir.move(others, to=trash), trash.move(list(there.values()), to=maildir))
        assert await maildir.move(list(await content(maildir)), to=maildir)  # to where it is: nothing to do
    assert list((await content(maildir)).values()) == [before[first]]
    assert_each_once(tmp_path)


# --- beside other mail programs ---------------------------------------------------------------------------------------


async def test_letters_that_are_not_ours_stay(maildir: Maildir, tmp_path: Path) -> None:
    uid, *_ = await content(maildir)
    for file in files(tmp_path):
        file.rename(file.with_name(f"{file.name.partition(':')[0]}:2,FPa"))
    await maildir.set_flags([uid], add=["\\Seen", "$Label1"], remove=["\\Flagged"])
    assert max(file.name.partition(":")[2] for file in files(tmp_path)) == "2,PSa"
    moved = await maildir.move([uid], to=maildir.folder(".Trash"))
    assert list(moved) == [uid]
    assert [file.name.partition(":")[2] for file in files(tmp_path / ".Trash")] == ["2,PSa"]


async def test_a_mail_that_another_program_takes_away_and_brings_back_is_another(tmp_path: Path) -> None:
    """As on an IMAP server: who was told that it is gone is told that it has come. Also across a restart."""
    first = Maildir(tmp_path)
    await asyncio.gather(*map(first.deliver, MAILS))
    before = await content(first)
    file = files(tmp_path)[0]
    raw = file.read_bytes()
    file.rename(tmp_path / "elsewhere")
    await first.sweep()
    (tmp_path / "elsewhere").rename(file)
    after = await content(first)
    [uid] = after.keys() - before.keys()
    assert (after[uid], len(after)) == (raw, len(MAILS))
    assert uid > max(before)
    await first.close()
    second = Maildir(tmp_path)
    assert await content(second) == after
    await second.close()


async def test_a_folder_is_one_to_other_programs_too(maildir: Maildir, tmp_path: Path) -> None:
    maildir.folder(".Archive")
    assert {entry.name for entry in (tmp_path / ".Archive").iterdir()} >= {"tmp", "new", "cur", "maildirfolder"}


async def test_a_program_that_renames_all_the_time_hinders_nothing(maildir: Maildir, tmp_path: Path) -> None:
    """It marks and unmarks every mail as fast as it can, while we do so too, and move them to and fro."""
    stop = threading.Event()

    def rename() -> None:
        dice = random.Random(1)
        while not stop.is_set():
            for file in files(tmp_path):
                base, _, letters = file.name.partition(":2,")
                changed = set(letters) ^ {dice.choice("RT")}
                with_other = file.parent.parent / "cur" / f"{base}:2,{''.join(sorted(changed))}"
                try:
                    file.rename(with_other)
                except FileNotFoundError:
                    continue

    trash = maildir.folder(".Trash")
    renaming = asyncio.create_task(asyncio.to_thread(rename))
    try:
        for turn in range(20):
            uids = list(await content(maildir))
            await maildir.set_flags(uids, add=["\\Seen"] if turn % 2 else [], remove=["\\Flagged"])
            there = await maildir.move(uids, to=trash)
            await trash.move(list(there.values()), to=maildir)
    finally:
        stop.set()
        await renaming
    await trash.move(list(await content(trash)), to=maildir)
    assert Counter((await content(maildir)).values()) == Counter(MAILS)
    assert_each_once(tmp_path)


# --- a storm ----------------------------------------------------------------------------------------------------------

STORM = """
import asyncio, random, sys
from pathlib import Path
from bridge.mail.maildir import Maildir

async def main():
    dice = random.Random(sys.argv[2])
    inbox = Maildir(Path(sys.argv[1]))
    folders = [inbox, *map(inbox.folder, (".Trash", ".Archive", ".Junk"))]
    for folder in folders:
        await folder.sweep()
    print("ready", flush=True)
    async def work():
        while True:
            source, target = dice.sample(folders, 2)
            uids = list(source.standing())
            some = dice.sample(uids, min(len(uids), dice.randint(1, 3)))
            await source.move(some, to=target)
            await target.set_flags(list(target.standing())[:2], add=["\\\\Seen"], remove=[])
            print("moved", flush=True)
    await asyncio.gather(*(work() for _ in range(3)))

asyncio.run(main())
"""


@pytest.mark.storm
async def test_killed_again_and_again_while_it_moves_it_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("BRIDGE_SEED") or random.SystemRandom().randrange(10**6))
    sys.stderr.write(f"BRIDGE_SEED={seed}\n")
    dice = random.Random(seed)
    inbox = Maildir(tmp_path)
    await asyncio.gather(*map(inbox.deliver, MAILS))
    await inbox.close()
    seen: dict[tuple[int, int], bytes] = {}
    for life in range(20):
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", STORM, str(tmp_path), f"{seed}-{life}"), cwd=ROOT, stdout=subprocess.PIPE
        )
        assert child.stdout
        for _ in range(dice.randint(2, 40)):
            assert await child.stdout.readline()
        child.kill()
        await child.wait()
        assert_each_once(tmp_path)
        inbox = Maildir(tmp_path)
        for folder in (inbox, *map(inbox.folder, (".Trash", ".Archive", ".Junk"))):
            for uid, raw in (await content(folder)).items():
                assert seen.setdefault((folder.uidvalidity, uid), raw) == raw
        await inbox.close()
