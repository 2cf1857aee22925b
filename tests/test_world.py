"""The mail world keeps what it is handed, and fails as it is told to."""

from collections.abc import AsyncIterator

import aiosmtplib
import pytest

from bridge.demo.world import Direction, Silence, Stage, World
from bridge.errors import Misconfigured, Refused
from bridge.model import Attachment

MAIL = b"From: desk@example.com\r\nTo: dana@example.net\r\nSubject: Hello\r\n\r\nHello Dana\r\n"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.start()
    yield world
    await world.stop()


async def hand(world: World, *recipients: str) -> None:
    await aiosmtplib.send(
        MAIL,
        sender="desk@example.com",
        recipients=list(recipients) or ["Dana@example.net"],
        hostname=world.host,
        port=world.port,
        start_tls=False,
    )


async def test_a_mail_is_filed_under_its_recipient_with_its_envelope(world: World) -> None:
    """Addresses compare without case; the bytes are the ones handed over."""
    await hand(world)
    assert world.inbox["dana@example.net"] == [MAIL]
    assert world.envelopes[0].sender == "desk@example.com"
    assert world.envelopes[0].recipients == ("Dana@example.net",)


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA])
async def test_a_refusal_comes_at_its_stage_and_as_often_as_it_was_asked_for(world: World, stage: Stage) -> None:
    world.faults.replies[stage] = iter(["451 4.3.0 Busy", None])
    with pytest.raises(aiosmtplib.SMTPException, match="Busy"):
        await hand(world)
    await hand(world)
    assert len(world.envelopes) == 1


async def test_a_password_is_taken_unless_it_is_to_be_refused(world: World) -> None:
    world.faults.replies[Stage.AUTH] = iter(["535 5.7.8 Wrong password"])
    async with aiosmtplib.SMTP(hostname=world.host, port=world.port, start_tls=False) as client:
        await client.ehlo()
        with pytest.raises(aiosmtplib.SMTPAuthenticationError, match="Wrong password"):
            await client.auth_plain("desk", "secret")
        await client.auth_plain("desk", "secret")


async def test_one_recipient_can_be_refused_beside_another(world: World) -> None:
    world.faults.recipients["gone@example.net"] = "550 5.1.1 No such user"
    await hand(world, "gone@example.net", "dana@example.net")
    assert world.envelopes[0].recipients == ("dana@example.net",)


@pytest.mark.parametrize(("silence", "kept"), [(Silence.TAKEN, 1), (Silence.LOST, 0)])
async def test_after_data_the_line_can_drop_without_an_answer(world: World, silence: Silence, kept: int) -> None:
    world.faults.silences = iter([silence])
    with pytest.raises(aiosmtplib.SMTPException):
        await hand(world)
    assert len(world.envelopes) == kept


async def test_a_customer_writes_and_answers_with_files(world: World) -> None:
    """What the mail program writes reaches the intake whole, threads, and is kept among the letters."""
    intake = World()
    await intake.start()
    letters = world.subscribe()
    try:
        world.intake = (intake.host, intake.port)
        first = await world.write(
            from_="Dana Reyes <dana@example.net>", to="desk@example.com", subject="Grüße", text="Hello"
        )
        second = await world.write(
            from_="Dana Reyes <dana@example.net>",
            to="desk@example.com",
            subject="Re: Grüße",
            text="More",
            html="<p>More</p>",
            files=[Attachment(filename="a.txt", content_type="text/plain", content=b"text")],
            in_reply_to=first,
        )
    finally:
        await intake.stop()
    raw = intake.inbox["desk@example.com"][1]
    assert f"In-Reply-To: {first}".encode() in raw
    assert f"Message-ID: {second}".encode() in raw
    assert b'filename="a.txt"' in raw
    assert [letters.get_nowait().direction for _ in range(2)] == [Direction.WRITTEN] * 2


async def test_a_bounce_goes_out_without_a_sender(world: World) -> None:
    """RFC 5321 section 4.5.5: a report has an empty reverse-path; nobody's mail program shows it as written."""
    world.intake = (world.host, world.port)
    await world.hand_over(MAIL, sender="", recipients=["desk@example.com"])
    assert world.envelopes[0].sender == ""


async def test_without_an_intake_writing_says_what_is_missing(world: World) -> None:
    with pytest.raises(Misconfigured, match="intake"):
        await world.write(from_="dana@example.net", to="desk@example.com", subject="x", text="x")


async def test_the_intakes_refusal_is_told_in_its_own_words(world: World) -> None:
    world.intake = (world.host, world.port)
    world.faults.replies[Stage.RCPT] = iter(["550 5.1.1 No such mailbox"])
    with pytest.raises(Refused, match="No such mailbox"):
        await world.write(from_="dana@example.net", to="nobody@example.com", subject="x", text="x")
