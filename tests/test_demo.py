"""`bridge demo`: how the process starts and stops, and what a later start on the same folder shows."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.request import urlopen

from onstage import Desk, ask, received, rich

from bridge.demo.stage import CHANNEL, Stage
from bridge.model import Attachment

STOPPING = 20  # seconds
PHOTO = Attachment(filename="shelf.png", content_type="image/png", content=b"\x89PNG\r\n\x1a\n" + b"x" * 50)


@contextmanager
def started(errors: Path, *arguments: str, temporary: Path) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """`bridge demo`, with its own folder for temporary files; killed at the end if it still runs."""
    command = [sys.executable, "-m", "bridge", "demo", "--no-browser", *arguments]
    temporary.mkdir(exist_ok=True)
    with errors.open("w") as told:
        process = subprocess.Popen(
            ["env", f"TMPDIR={temporary}", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
        )
    try:
        assert process.stdout
        yield process, process.stdout
    finally:
        process.kill()
        process.communicate()


def ready(said: IO[str]) -> str:
    """The address in the contract's line; other lines before it are no matter."""
    return next(line for line in said if line.startswith("demo ready: ")).removeprefix("demo ready: ").rstrip("\n")


def test_ready_means_usable_and_ctrl_c_ends_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    with started(tmp_path / "errors", "--port", "0", temporary=temporary) as (process, said):
        address = ready(said)
        assert address.startswith("http://127.0.0.1:")
        with urlopen(address) as page:
            assert b"<title>Bridge demo</title>" in page.read()
        assert list(temporary.iterdir())
        process.send_signal(signal.SIGINT)
        assert process.wait(STOPPING) == 0, (tmp_path / "errors").read_text()
    assert list(temporary.iterdir()) == []


def test_a_port_that_is_taken_is_one_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with started(tmp_path / "errors", "--port", port, temporary=tmp_path / "temporary") as (process, said):
            assert process.wait(STOPPING) == 2
            assert said.read() == ""
    told = (tmp_path / "errors").read_text()
    assert told == f"bridge: Port {port} is taken: choose another with --port, or --port 0 for any free one.\n"


async def test_a_later_start_shows_what_was_open_once_and_it_can_be_answered(tmp_path: Path) -> None:
    """A closed conversation stays away."""
    await _play(tmp_path)
    later = Stage(tmp_path, hold=0.2)
    await later.start()
    try:
        mina = Desk(later)
        card = await mina.sees_card("Two bags")
        assert await mina.sees(lambda: mina.line(card, "where are they?"))
        assert await mina.sees(lambda: mina.line(card, "On their way"))
        shared = await mina.sees(lambda: next((one for one in mina.thread(card) if one.get("files")), None))
        assert shared
        assert later.slack.workspace.files[shared["files"][0]["id"]].content == PHOTO.content
        await mina.opens(card)
        await mina.person.submit({"body": rich("They arrive tomorrow")})
        await received(later, "dana@example.com")
        assert await mina.sees(lambda: mina.line(card, "They arrive tomorrow"))
        assert len(mina.cards()) == 1
    finally:
        await later.stop()


async def _play(folder: Path) -> None:
    """A conversation with a file and an answer, and one that is closed."""
    stage = Stage(folder, hold=0.2)
    await stage.start()
    try:
        mina = Desk(stage)
        await ask(stage, files=[PHOTO])
        card = await mina.sees_card("Two bags")
        await mina.opens(card)
        await mina.person.submit({"body": rich("On their way")})
        await mina.sees(lambda: mina.line(card, "Sent"))
        await ask(stage, subject="A thank you")
        thanks = await mina.sees_card("A thank you")
        await mina.person.click(CHANNEL, thanks["ts"], "close")
        await mina.sees(lambda: "Closed" in str(mina.card("A thank you")))
    finally:
        await stage.stop()


async def test_the_samples_come_to_a_new_folder_only(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "kept")
    await stage.start()
    await stage.stop()
    kept = ("--data", str(tmp_path / "kept"))
    with started(tmp_path / "errors", "--port", "0", *kept, temporary=tmp_path / "temporary") as (process, said):
        ready(said)
        process.send_signal(signal.SIGINT)
        assert process.wait(STOPPING) == 0
    maildir = tmp_path / "kept" / "mail" / "support"
    assert [*(maildir / "new").iterdir(), *(maildir / "cur").iterdir()] == []
