"""What goes wrong when mails are filed: the mailbox is the truth, the card says what is so, and nothing is done twice."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dovecot import PASSWORD, free_ports, write_certificates
from imapdouble import running_double
from mailroom import until, written
from onstage import Desk, ask, said

from bridge.demo.imapserver import CAPABILITIES, Box, Conversation, Double, Mail
from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, JONAS, Stage

PLAIN = "IMAP4rev1 AUTH=PLAIN IDLE LITERAL+"
NO_MOVE = "IMAP4rev1 AUTH=PLAIN IDLE UIDPLUS LITERAL+"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    write_certificates(folder)
    return folder


@pytest.fixture
async def double(request: pytest.FixtureRequest, certificates: Path) -> AsyncIterator[Double]:
    """A scripted server; its parameter is what it says that it can do."""
    async with running_double(certificates, capabilities=getattr(request, "param", CAPABILITIES)) as made:
        made.boxes["Archive"] = Box(10)
        made.listing.append('() "/" Archive')
        yield made


@pytest.fixture
async def stage(tmp_path: Path, double: Double, certificates: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, hold=0.1)
    made.source = imap(double.port, certificates)
    made.secrets = {"MAILBOX_PASSWORD": PASSWORD}
    await made.start()
    yield made
    await made.stop()


def imap(port: int, certificates: Path) -> str:
    return (
        f'source = "imap"\nimap = {{ host = "127.0.0.1", port = {port}, security = "tls", '
        f'username = "hello", password_env = "MAILBOX_PASSWORD", ca_file = "{certificates / "ca.pem"}" }}'
    )


async def has_card(mina: Desk, double: Double) -> None:
    await double.deliver(written("Two bags"))
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: mina.line(card, "About Two bags"))


def subjects(double: Double, box: str) -> list[str]:
    """What a mail client would show there."""
    shown = (one for one in double.boxes[box].mails if "\\Deleted" not in one.flags)
    return [one.raw.decode().partition("Subject: ")[2].split("\n")[0].strip() for one in shown]


async def shows(mina: Desk, words: str) -> None:
    await mina.sees(lambda: words in said(mina.cards()[0]))


@pytest.mark.parametrize("double", [NO_MOVE], indirect=True)
async def test_without_move_exactly_these_mails_are_taken_away(mina: Desk, double: Double) -> None:
    await has_card(mina, double)
    double.inbox.add(written("Marked elsewhere"), "\\Deleted")
    await mina.person.command(CHANNEL, "/mail", "archive 1")
    await shows(mina, "Archived")
    await double.heard("UID EXPUNGE")
    assert subjects(double, "Archive") == ["Two bags"]
    assert len(double.inbox.mails) == 1
    assert "EXPUNGE" not in double.commands


@pytest.mark.parametrize("double", [PLAIN], indirect=True)
async def test_a_server_that_takes_no_single_mails_away_only_flags_and_that_is_said(mina: Desk, double: Double) -> None:
    await has_card(mina, double)
    await mina.person.command(CHANNEL, "/mail", "archive 1")
    await shows(mina, "stand marked as deleted")
    assert subjects(double, "Archive") == ["Two bags"]
    assert subjects(double, "INBOX") == []
    assert len(double.inbox.mails) == 1
    await mina.person.command(CHANNEL, "/mail", "restore 1")
    await shows(mina, "Open")
    await until(lambda: subjects(double, "INBOX") == ["Two bags"])
    assert not any(one.startswith("EXPUNGE") for one in double.commands)


async def test_a_folder_that_is_not_there_is_said_and_the_mail_is_on_the_table_again(
    mina: Desk, double: Double
) -> None:
    await has_card(mina, double)
    await mina.person.command(CHANNEL, "/mail", "spam 1")
    await shows(mina, "folders.junk")
    await shows(mina, "Open")
    assert "In junk" not in said(mina.cards()[0])
    assert subjects(double, "INBOX") == ["Two bags"]
    await mina.person.command(CHANNEL, "/mail", "archive 1")
    await shows(mina, "Archived")
    assert ":warning:" not in said(mina.cards()[0])


async def test_a_refusal_by_the_server_is_said_with_its_words(mina: Desk, double: Double) -> None:
    async def refuse(connection: Conversation, tag: str, _: str) -> None:
        await connection.say(f"{tag} NO [OVERQUOTA] the archive is full")

    await has_card(mina, double)
    double.says["UID MOVE"] = refuse
    await mina.person.command(CHANNEL, "/mail", "archive 1")
    await shows(mina, "the archive is full")
    assert subjects(double, "INBOX") == ["Two bags"]
    assert "Archived" not in said(mina.cards()[0])


async def test_a_move_whose_answer_was_lost_is_looked_for_before_it_is_done_again(mina: Desk, double: Double) -> None:
    async def move_and_die(connection: Conversation, _tag: str, arguments: str) -> None:
        del double.says["UID MOVE"]
        connection.copy(arguments)
        for mail in connection.among(arguments.partition(" ")[0]):
            connection.box.mails.remove(mail)
        await connection.hang_up()

    await has_card(mina, double)
    double.says["UID MOVE"] = move_and_die
    await mina.person.command(CHANNEL, "/mail", "archive 1")
    await shows(mina, "Archived")
    await mina.person.command(CHANNEL, "/mail", "restore 1")
    await until(lambda: subjects(double, "INBOX") == ["Two bags"])
    assert subjects(double, "Archive") == []


async def test_a_folder_that_was_numbered_anew_is_searched(mina: Desk, double: Double) -> None:
    await has_card(mina, double)
    await mina.person.command(CHANNEL, "/mail", "archive 1")
    await shows(mina, "Archived")
    await until(lambda: subjects(double, "Archive") == ["Two bags"])
    moved = double.boxes["Archive"].mails[0].raw
    double.boxes["Archive"] = Box(99, [Mail(1, written("Somebody else's")), Mail(2, moved)], 3)
    await mina.person.command(CHANNEL, "/mail", "restore 1")
    await until(lambda: subjects(double, "INBOX") == ["Two bags"])
    assert subjects(double, "Archive") == ["Somebody else's"]


async def test_an_inbox_that_was_numbered_anew_posts_nothing_and_can_be_filed(mina: Desk, double: Double) -> None:
    await has_card(mina, double)
    double.boxes["INBOX"] = Box(70, [Mail(1, double.inbox.mails[0].raw)], 2)
    for connection in list(double.connections):
        connection.writer.transport.abort()
    await double.heard("UID FETCH", times=2)
    await mina.person.command(CHANNEL, "/mail", "archive 1")
    await until(lambda: subjects(double, "Archive") == ["Two bags"])
    assert len(mina.cards()) == 1


async def test_what_is_asked_while_the_server_is_away_is_done_when_it_is_back(
    stage: Stage, mina: Desk, double: Double
) -> None:
    async def away(connection: Conversation, _tag: str, _arguments: str) -> None:
        await connection.hang_up()

    await has_card(mina, double)
    double.says["GREETING"] = away
    for connection in list(double.connections):
        connection.writer.transport.abort()
    await mina.person.command(CHANNEL, "/mail", "archive 1")
    await shows(mina, "Archived")
    assert subjects(double, "INBOX") == ["Two bags"]
    await stage.stop_bridge()  # a click is kept over a restart, too
    del double.says["GREETING"]
    await stage.start_bridge()
    await until(lambda: subjects(double, "Archive") == ["Two bags"])


async def test_one_failing_mailbox_holds_up_no_other(tmp_path: Path, certificates: Path) -> None:
    """One server hangs up on everybody; the other's mail and clicks go their way."""
    (port,) = free_ports(1)
    stage = Stage(tmp_path, hold=0.1)
    stage.secrets = {"MAILBOX_PASSWORD": PASSWORD}
    stage.others = (
        f'[[mailbox]]\nname = "sales"\naddress = "sales@fernhill.example.com"\nchannel = "#support"\n'
        f"{imap(port, certificates)}\n"
        f'smtp = {{ host = "127.0.0.1", port = {port}, security = "none" }}\n'
    )
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(stage.stop)
        await stage.start()
        mina = Desk(stage)
        await ask(stage, to=SHOP.email)
        await mina.sees_card("Two bags")
        await mina.person.command(CHANNEL, "/mail", "archive 1")
        await shows(mina, "Archived")
        await mina.person.command(CHANNEL, "/mail", "status")
        status = said(mina.person.ephemerals(CHANNEL)[-1])
        assert ":large_green_circle: *support* is watched" in status
        assert ":warning: *sales*" in status
        assert JONAS not in status
