"""A file that can do harm stays out of Slack until an agent says so; it is lost to nobody, and all others come at once."""

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from onstage import Desk, actions, ask, marked, nodes, said

from bridge.demo.double.blockkit import check_message_blocks
from bridge.demo.stage import CHANNEL, GUEST, MINA, Stage
from bridge.model import (
    Attachment,
    Direction,
    MailboxName,
    MailId,
    Message,
    Number,
    Reading,
    Risk,
    Spam,
    StoredFile,
    StoredMessage,
    Verdict,
    now,
)
from bridge.sentences import Language, say, speaking
from bridge.slack import blocks
from bridge.slack.about import about

PHOTO = Attachment(filename="bags.png", content_type="image/png", content=b"\x89PNG\r\n\x1a\n" + b"c" * 90)
PROGRAM = Attachment(filename="invoice.pdf.exe", content_type="application/octet-stream", content=b"MZ" + b"x" * 80)


def files(stage: Stage) -> list[str]:
    """The names of what was put into Slack."""
    return [one.name for one in stage.slack.workspace.files.values()]


def shared(mina: Desk, card: dict[str, Any]) -> list[str]:
    """The names of the files in a card's thread, as often as they are there."""
    return [file["name"] for line in mina.thread(card) for file in line.get("files") or ()]


async def held(stage: Stage, mina: Desk, *attached: Attachment) -> tuple[dict[str, Any], dict[str, Any]]:
    """The card of a mail with such a file, and the thread message with its button."""
    await ask(stage, files=[PHOTO, *(attached or [PROGRAM])])
    card = await mina.sees_card("Two bags")
    line = await mina.sees(lambda: next((one for one in mina.thread(card) if "release_file" in actions(one)), None))
    assert line
    await mina.sees(lambda: PHOTO.filename in shared(mina, card))
    return card, line


async def test_what_can_do_harm_is_held_and_the_rest_comes(stage: Stage, mina: Desk) -> None:
    card, line = await held(stage, mina)
    assert files(stage) == [PHOTO.filename]
    assert "*invoice.pdf.exe* (82 B) is held back: it is a program." in said(line)
    assert "Release invoice.pdf.exe" in said(line)
    assert "Held back, and to be released in the thread: invoice.pdf.exe" in said(mina.card("Two bags") or card)


async def test_slack_asks_before_it_is_released(stage: Stage, mina: Desk) -> None:
    _, line = await held(stage, mina)
    button = next(one for one in nodes(line) if one.get("action_id") == "release_file")
    assert button["confirm"]["style"] == "danger"
    assert "it is a program" in button["confirm"]["text"]["text"]


async def test_who_releases_it_has_it_in_the_thread_once_and_is_in_the_log(stage: Stage, mina: Desk) -> None:
    card, line = await held(stage, mina)
    await mina.person.click(CHANNEL, line["ts"], "release_file")
    await mina.sees(lambda: shared(mina, card).count(PROGRAM.filename) == 1)
    await mina.sees(lambda: not any("release_file" in actions(one) for one in mina.thread(card)))
    await mina.sees(lambda: "Held back" not in said(mina.card("Two bags") or {}))
    await mina.person.command(CHANNEL, "/mail", "log 1")
    told = json.dumps(mina.person.ephemerals(CHANNEL)[-1])
    assert "release file" in told
    assert "file 2 of 2: program" in told
    assert MINA in told
    assert sorted(shared(mina, card)) == [PHOTO.filename, PROGRAM.filename]


async def test_who_may_not_act_releases_nothing(stage: Stage, mina: Desk) -> None:
    card, line = await held(stage, mina)
    guest = Desk(stage, GUEST)
    await guest.person.click(CHANNEL, line["ts"], "release_file")
    await guest.sees(lambda: guest.person.ephemerals(CHANNEL))
    assert PROGRAM.filename not in shared(mina, card)


async def test_a_mail_whose_only_file_is_held_is_whole_all_the_same(stage: Stage, mina: Desk) -> None:
    await ask(stage, files=[PROGRAM])
    card = await mina.sees_card("Two bags")
    line = await mina.sees(lambda: next((one for one in mina.thread(card) if "release_file" in actions(one)), None))
    assert line
    await mina.person.click(CHANNEL, line["ts"], "release_file")
    await mina.sees(lambda: shared(mina, card) == [PROGRAM.filename])


async def test_what_is_packed_is_looked_into(stage: Stage, mina: Desk) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("order.js", "x")
    packed = Attachment(filename="order.zip", content_type="application/zip", content=made.getvalue())
    _, line = await held(stage, mina, packed)
    assert "it is an archive with a program or the like in it" in said(line)


async def test_released_files_follow_a_conversation_that_moves(stage: Stage, mina: Desk) -> None:
    card, line = await held(stage, mina)
    await mina.person.click(CHANNEL, line["ts"], "release_file")
    await mina.sees(lambda: PROGRAM.filename in shared(mina, card))
    await ask(stage, from_="Ben <ben@example.org>", subject="The same")
    other = await mina.sees_card("The same")
    await mina.person.command(CHANNEL, "/mail", "merge 1 2")
    await mina.sees(lambda: sorted(shared(mina, other)) == [PHOTO.filename, PROGRAM.filename])


async def test_a_held_file_is_not_passed_on_unless_it_is_chosen(stage: Stage, mina: Desk) -> None:
    card, _ = await held(stage, mina)
    view = await mina.opens(card, "forward")
    box = next(one["element"] for one in view["blocks"] if one.get("block_id") == "originals")
    assert [one["text"]["text"] for one in box["initial_options"]] == ["bags.png (98 B)"]
    assert len(box["options"]) == 2


@pytest.fixture
async def trusting(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path / "trusting", hold=0)
    made.source += "\nhold_risky = false"
    await made.start()
    yield made
    await made.stop()


async def test_a_mailbox_that_wants_everything_gets_it(trusting: Stage) -> None:
    mina = Desk(trusting)
    await ask(trusting, files=[PROGRAM])
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: shared(mina, card) == [PROGRAM.filename])
    assert "Can do harm when opened" in said(mina.card("Two bags") or {})
    assert not any("release_file" in actions(one) for one in mina.thread(card))


# --- how it looks -----------------------------------------------------------------------------------------------------


def stored(*risks: Risk, verdict: Verdict | None = None, name: str = "invoice.exe") -> StoredMessage:
    return StoredMessage(
        id=MailId(1),
        mailbox=MailboxName("support"),
        number=Number(1),
        direction=Direction.IN,
        message=Message(verdict=verdict),
        reading=Reading(),
        files=tuple(
            StoredFile(position=place, filename=name, content_type="x/y", size=9, inline=False, held=risk)
            for place, risk in enumerate(risks)
        ),
        raw_id=1,
        received=now(),
        thread_ts=None,
        shared=False,
        quarantined=False,
        readings=1,
    )


@pytest.mark.parametrize("name", ["invoice.exe", "<!channel> *bold*" * 40, ""])
def test_however_many_are_held_the_message_is_one_that_slack_takes(name: str) -> None:
    virus = Verdict(level=Spam.SPAM, by="ClamAV", virus="Eicar" * 99)
    mail = stored(*[one for one in Risk for _ in range(9)], verdict=virus, name=name)
    surface = blocks.mail(mail, about=about(mail))
    check_message_blocks(surface.blocks)
    assert "53 more files are held back" in said({"blocks": surface.blocks})
    assert not any("<!channel>" in one for one in marked(surface.blocks))


@pytest.mark.parametrize("name", ["&&&" * 40 + ".exe", "<!channel>" * 40, "", "송장.exe"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_question_is_asked_whatever_the_file_is_called(name: str, language: Language) -> None:
    virus = Verdict(level=Spam.SPAM, by="ClamAV", virus="&" * 99)
    for risk in Risk:
        with speaking(language):
            made = blocks.mail(mail := stored(risk, verdict=virus, name=name), about=about(mail))
            warned = [
                say("It comes into this thread, where everybody can open it. Are you sure that you know its sender?"),
                say("A virus was found in this mail: {virus}.", virus="").rstrip(". "),
            ]
        asked = next(one for one in nodes(made.blocks) if one.get("action_id") == "release_file")["confirm"]["text"]
        assert len(asked["text"]) <= 300
        assert all(words in asked["text"] for words in warned)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (
            Verdict(level=Spam.SPAM, by="SpamAssassin", score=9.1),
            ":no_entry_sign: Spam, says SpamAssassin (9.1 points).",
        ),
        (Verdict(level=Spam.SUSPICIOUS), ":warning: Perhaps spam, says the mail server."),
        (Verdict(level=Spam.SPAM, virus="Eicar"), ":rotating_light: There is a virus in it: Eicar."),
        (Verdict(level=Spam.HAM, by="Rspamd"), ""),
        (None, ""),
    ],
)
def test_a_verdict_is_told_where_it_matters(verdict: Verdict | None, words: str) -> None:
    mail = stored(verdict=verdict)
    told = said({"blocks": about(mail), "text": ""})
    assert words in told
    assert bool(told) is bool(words)
