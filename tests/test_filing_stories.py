"""File and mark: what agents do shows in every mail client, and what mail clients do shows in Slack."""

from email.message import EmailMessage

import pytest
from mailroom import (
    Mailroom,
    choose,
    dovecot_fixture,  # noqa: F401 - a fixture
    has_card,
    room_fixture,  # noqa: F401 - a fixture
    stage_fixture,  # noqa: F401 - a fixture
    until,
    written,
)
from onstage import Desk, received, rich, said

from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, Stage

SEEN, FLAGGED, ANSWERED = "\\Seen", "\\Flagged", "\\Answered"


# --- what agents do ---------------------------------------------------------------------------------------------------


async def test_read_unread_and_flags_are_the_mailboxs_own(mina: Desk, room: Mailroom) -> None:
    await has_card(mina, room)
    assert "1 unread" in said(mina.cards()[0])
    await choose(mina, "mark_read:1")
    await until(lambda: room.stands() == {"Two bags": ("inbox", {SEEN})})
    await mina.sees(lambda: "1 unread" not in said(mina.cards()[0]))
    await choose(mina, "flag:1")
    await until(lambda: room.stands() == {"Two bags": ("inbox", {SEEN, FLAGGED})})
    await mina.sees(lambda: "Flagged" in said(mina.cards()[0]))
    await mina.person.command(CHANNEL, "/mail", "mark 1 unread")
    await mina.person.command(CHANNEL, "/mail", "mark 1 unflagged")
    await until(lambda: room.stands() == {"Two bags": ("inbox", set())})
    await mina.sees(lambda: "1 unread" in said(mina.cards()[0]))


async def test_delete_asks_first_and_restore_brings_back(mina: Desk, room: Mailroom) -> None:
    await has_card(mina, room)
    await choose(mina, "delete:1")
    await mina.sees(lambda: (mina.person.view() or {}).get("callback_id") == "confirm_delete")
    assert room.stands() == {"Two bags": ("inbox", set())}  # asked, and nothing else yet
    await mina.person.submit({})
    await until(lambda: room.stands() == {"Two bags": ("trash", set())})
    await mina.sees(lambda: "In the trash" in said(mina.cards()[0]))
    assert "Closed" in said(mina.cards()[0])
    await choose(mina, "restore:1")
    await until(lambda: room.stands() == {"Two bags": ("inbox", set())})
    await mina.sees(lambda: "Open" in said(mina.cards()[0]))
    assert "trash" not in said(mina.cards()[0])
    room.deliver(written("The next one"))
    await mina.sees_card("The next one")
    assert len(mina.cards()) == 2  # what came back into the inbox is no news


@pytest.mark.parametrize(("verb", "folder", "words"), [("archive", "archive", "Archived"), ("spam", "junk", "In junk")])
async def test_archive_and_spam_by_menu_and_by_command(
    mina: Desk, room: Mailroom, verb: str, folder: str, words: str
) -> None:
    await has_card(mina, room)
    await choose(mina, f"{verb}:1")
    await until(lambda: room.stands() == {"Two bags": (folder, set())})
    await mina.sees(lambda: words in said(mina.cards()[0]))
    await mina.person.command(CHANNEL, "/mail", "restore 1")
    await until(lambda: room.stands() == {"Two bags": ("inbox", set())})
    await mina.person.command(CHANNEL, "/mail", f"{verb} 1")
    await until(lambda: room.stands() == {"Two bags": (folder, set())})


async def test_all_mails_of_a_conversation_go_and_no_other(mina: Desk, room: Mailroom) -> None:
    await has_card(mina, room)
    more = written("One more thing", in_reply_to="<Two-bags@example.com>")
    room.deliver(written("Another matter"), more)
    await mina.sees_card("Another matter")
    await mina.sees(lambda: "2 mails" in said(mina.cards()[0]))
    await mina.person.command(CHANNEL, "/mail", "archive 1")
    none = frozenset[str]()
    gone = {"Two bags": ("archive", none), "One more thing": ("archive", none), "Another matter": ("inbox", none)}
    await until(lambda: room.stands() == gone)


async def test_an_answer_marks_its_mail_as_answered(stage: Stage, mina: Desk, room: Mailroom) -> None:
    card = await has_card(mina, room)
    await mina.opens(card)
    await mina.person.submit({"body": rich("Here you are")})
    await received(stage, "dana@example.com")
    await until(lambda: room.stands().get("Two bags") == ("inbox", {SEEN, ANSWERED}))


async def test_a_mail_without_a_message_id_is_found_again(mina: Desk, room: Mailroom) -> None:
    room.deliver(b"From: dana@example.com\r\nSubject: Nameless\r\n\r\nAbout nothing.\r\n")
    await mina.sees_card("Nameless")
    await mina.person.command(CHANNEL, "/mail", "archive 1")
    await until(lambda: room.stands() == {"Nameless": ("archive", set())})
    await mina.sees(lambda: "Archived" in said(mina.cards()[0]))
    await mina.person.command(CHANNEL, "/mail", "restore 1")
    await until(lambda: room.stands() == {"Nameless": ("inbox", set())})


# --- what other mail clients do ---------------------------------------------------------------------------------------


async def test_what_another_client_marks_shows_on_the_card(mina: Desk, room: Mailroom) -> None:
    await has_card(mina, room)
    room.mark("Two bags", add=SEEN)
    await mina.sees(lambda: "1 unread" not in said(mina.cards()[0]))
    room.mark("Two bags", add=FLAGGED)
    await mina.sees(lambda: "Flagged" in said(mina.cards()[0]))
    room.mark("Two bags", remove=SEEN)
    await mina.sees(lambda: "1 unread" in said(mina.cards()[0]))


@pytest.mark.parametrize(("folder", "words"), [("trash", "In the trash"), ("archive", "Archived"), ("junk", "In junk")])
async def test_what_another_client_moves_shows_on_the_card_and_can_be_brought_back(
    mina: Desk, room: Mailroom, folder: str, words: str
) -> None:
    await has_card(mina, room)
    room.move("Two bags", folder)
    await mina.sees(lambda: words in said(mina.cards()[0]))
    await choose(mina, "restore:1")
    await until(lambda: room.stands().get("Two bags", ("", set()))[0] == "inbox")
    await mina.sees(lambda: words not in said(mina.cards()[0]))


async def test_what_another_client_brings_back_is_no_news(mina: Desk, room: Mailroom) -> None:
    await has_card(mina, room)
    await mina.person.command(CHANNEL, "/mail", "archive 1")
    await until(lambda: room.stands().get("Two bags", ("", set()))[0] == "archive")
    room.move("Two bags", "inbox", out_of="archive")
    await mina.sees(lambda: "Archived" not in said(mina.cards()[0]))
    assert len(mina.cards()) == 1


async def test_a_mail_that_is_gone_for_good_is_said_so(mina: Desk, room: Mailroom) -> None:
    await has_card(mina, room)
    room.remove("Two bags")
    await mina.sees(lambda: "No longer in the mailbox" in said(mina.cards()[0]))
    await mina.person.command(CHANNEL, "/mail", "archive 1")
    await mina.sees(lambda: "took them away" in said(mina.cards()[0]))


@pytest.mark.parametrize("verb", ["restore 1", "mark 1 read", "archive 1"])
async def test_whoever_wants_something_done_to_mails_that_are_gone_is_told_so(
    mina: Desk, room: Mailroom, verb: str
) -> None:
    await has_card(mina, room)
    room.remove("Two bags")
    await mina.sees(lambda: "No longer in the mailbox" in said(mina.cards()[0]))
    await mina.person.command(CHANNEL, "/mail", verb)
    (told,) = await mina.sees(lambda: mina.person.ephemerals(CHANNEL))
    assert told["text"].startswith("The mails of #1 are no longer in the mailbox")


async def test_a_mail_that_is_marked_as_deleted_and_still_there_can_be_brought_back(mina: Desk, room: Mailroom) -> None:
    await has_card(mina, room)
    room.mark("Two bags", add="\\Deleted")
    await mina.sees(lambda: "No longer in the mailbox" in said(mina.cards()[0]))
    await mina.person.command(CHANNEL, "/mail", "restore 1")
    (told,) = await mina.sees(lambda: mina.person.ephemerals(CHANNEL))
    assert told["text"] == "#1 is on its way back into the inbox."
    await until(lambda: room.stands() == {"Two bags": ("inbox", set())})


async def test_what_was_done_while_the_bridge_was_down_shows_when_it_is_up(
    stage: Stage, mina: Desk, room: Mailroom
) -> None:
    await has_card(mina, room)
    await has_card(mina, room, "Another matter")
    await stage.stop_bridge()
    room.mark("Two bags", add=FLAGGED)
    room.move("Another matter", "archive")
    await stage.start_bridge()
    await mina.sees(lambda: "Flagged" in said(mina.card("Two bags") or {}))
    await mina.sees(lambda: "Archived" in said(mina.card("Another matter") or {}))


async def test_an_answer_from_another_client_shows_in_the_thread(mina: Desk, room: Mailroom) -> None:
    card = await has_card(mina, room)
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Subject"] = str(SHOP), "dana@example.com", "Re: Two bags"
    answer["Message-ID"], answer["In-Reply-To"] = "<from-my-phone@example.com>", "<Two-bags@example.com>"
    answer.set_content("They leave tomorrow.")
    room.file_sent(answer.as_bytes())
    room.mark("Two bags", add=ANSWERED)  # as mail clients do; it has the bridge look at once
    line = await mina.sees(lambda: mina.line(card, "They leave tomorrow."))
    assert "another mail client" in said(line or {})
    await mina.sees(lambda: "Waiting" in said(mina.cards()[0]))
    assert len(mina.cards()) == 1
