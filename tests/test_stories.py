"""The two flows of the design, told on the stage: a mail comes in, an answer goes out, for real."""

from datetime import timedelta
from typing import Any

import pytest
from onstage import DANA, ENOUGH, Desk, actions, ask, initial, marked, nodes, received, rich, said

from bridge.demo.double.refusals import NoAck
from bridge.demo.mails import SHOP, bounce
from bridge.demo.stage import CHANNEL, GUEST, JONAS, MINA, STRANGER, Stage
from bridge.demo.world import Silence
from bridge.mail.compose import Outgoing, compose
from bridge.model import Address, Attachment, now

# --- a mail comes in --------------------------------------------------------------------------------------------------


async def test_a_mail_becomes_a_card_with_its_text_and_files_in_the_thread(stage: Stage, mina: Desk) -> None:
    photo = Attachment(
        filename="Überblick 2026.png", content_type="image/png", content=b"\x89PNG\r\n\x1a\n" + b"x" * 50
    )
    await ask(stage, files=[photo])
    card = await mina.sees_card("Two bags are missing")
    assert "Dana Reyes" in said(card)
    assert {"reply", "claim", "close", "more"} <= set(actions(card))
    assert await mina.sees(lambda: mina.line(card, "where are they?"))
    shared = await mina.sees(lambda: next((one for one in mina.thread(card) if one.get("files")), None))
    assert shared
    assert [one["name"] for one in shared["files"]] == ["Überblick 2026.png"]
    assert stage.slack.workspace.files[shared["files"][0]["id"]].content == photo.content


async def test_an_answer_joins_its_conversation_and_opens_it_again(stage: Stage, mina: Desk) -> None:
    first = await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.person.click(CHANNEL, card["ts"], "close")
    await mina.sees(lambda: "Closed" in said(mina.cards()[0]))
    await ask(stage, subject="Something else in the subject", text="Found one!", in_reply_to=first)
    assert await mina.sees(lambda: mina.line(card, "Found one!"))
    await mina.sees(lambda: "Open" in said(mina.cards()[0]))
    assert len(mina.cards()) == 1


async def test_the_card_says_how_well_its_writer_is_known_and_since_when_they_wait(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    assert "First contact" in said(card)
    assert "waits since" in said(card)
    await ask(stage, subject="And now three")
    assert "1 earlier conversation" in said(await mina.sees_card("And now three"))
    await mina.opens(card)
    await mina.person.submit({"body": rich("Here they are")})
    await mina.sees(lambda: "Waiting for the customer" in said(mina.cards()[0]))
    assert "waits since" not in said(mina.cards()[0])


async def test_a_number_in_the_subject_joins_only_for_those_who_take_part(stage: Stage, mina: Desk) -> None:
    """A stranger who knows or guesses a number does not get into another's conversation."""
    await ask(stage)
    card = await mina.sees_card("Two bags")
    stranger = Address(name="Eve", email="eve@example.net")
    await ask(stage, subject="Re: [#1] Two bags", text="Send them to me.", from_=stranger)
    await mina.sees_card("[#1]")
    await ask(stage, subject="About [Shop #1]", text="They came today.")
    assert await mina.sees(lambda: mina.line(card, "They came today."))
    assert not mina.line(card, "Send them to me.")
    assert len(mina.cards()) == 2


async def test_the_same_mail_handed_over_twice_is_shown_once(stage: Stage, mina: Desk) -> None:
    """A sender that did not hear our 250 hands the mail over again."""
    await ask(stage)
    raw = stage.world.letters[0].raw
    await mina.sees_card("Two bags")
    await stage.world.hand_over(raw, sender="dana@example.com", recipients=[SHOP.email])
    await ask(stage, subject="The next one")
    await mina.sees_card("The next one")
    assert len(mina.cards()) == 2


async def test_no_text_of_a_mail_can_ping_or_spoof_a_link(stage: Stage, mina: Desk) -> None:
    evil = "<!channel> <@U0MINA0001> <http://evil.example|https://bank.example> &lt;!here&gt;"
    await ask(stage, from_='"<!everyone>" <eve@example.net>', subject=evil, text=evil)
    card = await mina.sees(lambda: next(iter(mina.cards()), None))
    assert card
    line = await mina.sees(lambda: mina.line(card, "bank.example"))
    for words in (*marked(card), *marked(line), card["text"]):
        assert "<!channel>" not in words
        assert "<!everyone>" not in words
        assert "<@U0MINA0001>" not in words
        assert "|https://bank.example>" not in words


async def test_quotes_are_folded_and_one_click_away(stage: Stage, mina: Desk) -> None:
    quoted = "Thank you!\n\nOn Mon, 2 Feb 2026 at 10:00, Shop <hello@fernhill.example.com> wrote:\n> The old words\n"
    await ask(stage, text=quoted)
    card = await mina.sees_card("Two bags")
    line = await mina.sees(lambda: mina.line(card, "Thank you!"))
    assert line
    assert "The old words" not in said(line)
    await mina.person.click(CHANNEL, line["ts"], "show_mail")
    assert await mina.sees(lambda: "The old words" in said(mina.person.view() or {}))


async def test_the_card_of_a_bounce_says_whom_a_mail_did_not_reach_and_why(stage: Stage, mina: Desk) -> None:
    raw = bounce(SHOP, at=now())
    await stage.world.hand_over(raw, sender="", recipients=[SHOP.email])
    card = await mina.sees_card("Undelivered")
    reached = ":warning: *h.lindqvist@example.net* was not reached: there is no such address."
    words = "_The server's words:_ 550 5.1.1 Recipient address rejected: User unknown"
    told = next(one for one in marked(card) if one.startswith(reached))
    assert told.endswith(words)
    assert await mina.sees(lambda: mina.line(card, reached))


async def test_a_mail_over_the_size_limit_is_a_card_that_says_so(stage: Stage, mina: Desk) -> None:
    assert stage.bridge
    await stage.stop_bridge()
    stage.max_bytes = 20_000
    await stage.start_bridge()
    maildir = stage.data / "mail" / "support" / "new"
    head = (
        b"From: dana@example.com\r\nTo: hello@fernhill.example.com\r\nSubject: A big one\r\nMessage-ID: <big@x>\r\n\r\n"
    )
    (maildir / "1.foreign.host").write_bytes(head + b"x" * 30_000)
    card = await mina.sees_card("A big one")
    assert await mina.sees(lambda: mina.line(card, "MAIL_MAX_BYTES"))


# --- an answer goes out -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["socket", "http"], indirect=True)
async def test_a_text_longer_than_what_is_read_of_it_is_whole_in_its_file(stage: Stage, mina: Desk) -> None:
    """Nothing of a mail is out of reach, however long it is."""
    await ask(stage, subject="My whole log", text="".join(f"line {number}\n" for number in range(30_000)))
    await mina.sees_card("My whole log")
    there = stage.slack.workspace.files
    content = await mina.sees(
        lambda: next((one.content for one in there.values() if one.name.endswith(".txt") and one.content), None)
    )
    assert (content or b"").decode().split()[-1] == "29999"


async def test_an_answer_with_formatting_and_a_file_reaches_the_customer(stage: Stage, mina: Desk) -> None:
    first = await ask(stage)
    card = await mina.sees_card("Two bags")
    view = await mina.opens(card)
    assert initial(view, "to") == DANA
    assert initial(view, "subject") == "Re: Two bags are missing"
    upload = await mina.person.upload("label.pdf", b"%PDF-1.4 a label")
    await mina.person.submit({"body": rich("On their way", bold=True), "files": [upload]})

    shown = said(mina.person.view() or {})
    assert "dana@example.com" in shown
    assert "hello@fernhill.example.com" in shown
    assert "label.pdf" in shown
    assert {"cancel_send", "send_now"} <= set(actions(mina.person.view()))

    mail = await received(stage, "dana@example.com")
    assert mail["From"] == "Fernhill Coffee <hello@fernhill.example.com>"
    assert mail["In-Reply-To"] == first
    assert first in mail["References"]
    html = mail.get_body(("html",))
    assert html
    assert "<b>On their way</b>" in html.get_content() or "<strong>On their way</strong>" in html.get_content()
    assert [part.get_filename() for part in mail.iter_attachments()] == ["label.pdf"]
    assert next(mail.iter_attachments()).get_content() == b"%PDF-1.4 a label"

    line = await mina.sees(lambda: mina.line(card, "Sent"))
    assert line
    assert "dana@example.com" in said(line)
    assert f"<@{MINA}>" in said(line)
    await mina.sees(lambda: "Waiting" in said(mina.cards()[0]))
    shared = await mina.sees(lambda: next((one for one in mina.thread(card) if one.get("files")), None))
    assert shared
    assert [one["name"] for one in shared["files"]] == ["label.pdf"]


async def test_the_customers_answer_to_our_answer_comes_into_the_same_thread(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Here they are")})
    ours = await received(stage, "dana@example.com")
    await ask(stage, subject="Re: Two bags", text="They came!", in_reply_to=str(ours["Message-ID"]))
    assert await mina.sees(lambda: mina.line(card, "They came!"))
    assert len(mina.cards()) == 1


async def test_undo_keeps_everything_and_nothing_leaves(stage: Stage, mina: Desk) -> None:
    await stage.stop_bridge()
    stage.hold = 60
    await stage.start_bridge()
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    upload = await mina.person.upload("label.pdf", b"%PDF-1.4")
    await mina.person.submit(
        {"cc": "ben@example.org", "subject": "Changed", "body": rich("Wrong words"), "files": [upload]}
    )
    await mina.person.click_view("cancel_send")
    view = await mina.sees_compose()
    assert initial(view, "cc") == "ben@example.org"
    assert initial(view, "subject") == "Changed"
    assert initial(view, "body") == rich("Wrong words")
    assert "label.pdf" in said({"blocks": initial(view, "originals")})
    await mina.person.submit({"body": rich("Right words")})
    await mina.person.click_view("send_now")
    mail = await received(stage, "dana@example.com")
    body = mail.get_body(("plain",))
    assert body
    assert "Right words" in body.get_content()
    assert [part.get_filename() for part in mail.iter_attachments()] == ["label.pdf"]
    assert len(stage.world.inbox["dana@example.com"]) == 1
    assert len(stage.world.inbox["ben@example.org"]) == 1
    assert await mina.sees(lambda: mina.line(card, "Undone"))


async def test_undo_works_from_the_threads_line_too(stage: Stage, mina: Desk) -> None:
    await stage.stop_bridge()
    stage.hold = 60
    await stage.start_bridge()
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Wrong words")})
    await mina.person.close_view()
    line = await mina.sees(lambda: next((one for one in mina.thread(card) if "cancel_send" in actions(one)), None))
    assert line
    await mina.person.click(CHANNEL, line["ts"], "cancel_send")
    assert initial(await mina.sees_compose(), "body") == rich("Wrong words")
    assert stage.world.inbox["dana@example.com"] == []


async def test_submitting_twice_is_one_mail(stage: Stage, mina: Desk) -> None:
    """Slack says "try again" when an ack comes late: the second submit finds the first."""
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    patience = stage.slack.timing.ack
    stage.slack.timing.ack = 0.0
    with pytest.raises(NoAck):
        await mina.person.submit({"body": rich("Once")})
    stage.slack.timing.ack = patience
    await mina.person.submit({"body": rich("Once")})
    await received(stage, "dana@example.com")
    await mina.sees(lambda: mina.line(card, "Sent"))
    assert len(stage.world.inbox["dana@example.com"]) == 1


async def test_reply_all_keeps_everybody(stage: Stage, mina: Desk) -> None:
    await ask(stage, to=f"{SHOP.email}, Eve <eve@example.net>", cc="Fay <fay@example.net>")
    card = await mina.sees_card("Two bags")
    view = await mina.opens(card, "reply_all")
    assert initial(view, "to") == f"{DANA}, Eve <eve@example.net>"
    assert initial(view, "cc") == "Fay <fay@example.net>"


async def test_a_forward_takes_the_originals_attachments_along(stage: Stage, mina: Desk) -> None:
    invoice = Attachment(filename="invoice.pdf", content_type="application/pdf", content=b"%PDF-1.4 invoice")
    await ask(stage, files=[invoice])
    card = await mina.sees_card("Two bags")
    view = await mina.opens(card, "forward")
    assert initial(view, "subject") == "Fwd: Two bags are missing"
    assert initial(view, "to") == ""
    await mina.person.submit({"to": "accounts@example.org", "body": rich("Please have a look")})
    mail = await received(stage, "accounts@example.org")
    assert mail["In-Reply-To"] is None
    body = mail.get_body(("plain",))
    assert body
    assert "Please have a look" in body.get_content()
    assert "where are they?" in body.get_content()
    assert [part.get_filename() for part in mail.iter_attachments()] == ["invoice.pdf"]


async def test_a_wrong_recipient_is_said_beside_its_field_and_nothing_is_lost(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    answer = await mina.person.submit({"cc": "not an address", "body": rich("Words")})
    assert answer
    assert answer["response_action"] == "errors"
    assert list(answer["errors"]) == ["cc"]
    assert (mina.person.view() or {})["callback_id"] == "compose"


async def test_an_empty_answer_is_not_sent(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    answer = await mina.person.submit({"body": rich("  ")})
    assert answer
    assert list(answer["errors"]) == ["body"]


async def test_what_people_say_in_the_thread_never_leaves(stage: Stage, mina: Desk) -> None:
    """chatwoot#15605: "a single slip reached the customer"."""
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.person.say(CHANNEL, "This customer is a pain", thread_ts=card["ts"])
    await mina.opens(card)
    await mina.person.submit({"body": rich("Dear Dana")})
    mail = await received(stage, "dana@example.com")
    assert "pain" not in mail.as_string()
    assert len(stage.world.envelopes) == 1


async def test_a_message_becomes_an_answer_only_by_the_shortcut_and_the_modal(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: mina.line(card, "where are they?"))
    ts = await mina.person.say(CHANNEL, "They leave today", thread_ts=card["ts"])
    await mina.person.message_shortcut("send_as_email", CHANNEL, ts)
    view = await mina.sees_compose()
    assert "They leave today" in said({"blocks": [initial(view, "body")]})
    assert initial(view, "to") == DANA
    assert stage.world.envelopes == []


async def test_a_new_mail_begins_a_conversation(stage: Stage, mina: Desk) -> None:
    await mina.person.command(CHANNEL, "/mail", "new ben@example.org")
    view = await mina.sees_compose()
    assert initial(view, "to") == "ben@example.org"
    await mina.person.submit({"subject": "Your order", "body": rich("It is ready")})
    mail = await received(stage, "ben@example.org")
    assert mail["Subject"] == "Your order"
    assert await mina.sees_card("Your order")


# --- what goes wrong --------------------------------------------------------------------------------------------------


async def test_a_refusal_by_the_server_is_told_in_the_thread_with_its_words(stage: Stage, mina: Desk) -> None:
    stage.world.faults.recipients["dana@example.com"] = "550 5.1.1 no such user here"
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Words")})
    line = await mina.sees(lambda: mina.line(card, "no such user here"))
    assert line
    assert "Not sent" in said(line)
    assert "resend" in actions(line)


async def test_silence_after_data_is_never_resent_and_a_person_decides(stage: Stage, mina: Desk) -> None:
    """freescout#5457: up to 25 copies to a customer."""
    stage.world.faults.silences = iter([Silence.TAKEN])
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Words")})
    line = await mina.sees(lambda: mina.line(card, "Perhaps delivered"))
    assert line
    assert {"resend", "mark_delivered"} <= set(actions(line))
    await mina.person.click(CHANNEL, line["ts"], "mark_delivered")
    assert await mina.sees(lambda: mina.line(card, "Sent"))
    assert len(stage.world.envelopes) == 1


async def test_a_post_whose_answer_was_lost_is_not_posted_again(stage: Stage, mina: Desk) -> None:
    stage.slack.faults.drop_after_commit("chat.postMessage", times=2)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    assert await mina.sees(lambda: mina.line(card, "where are they?"))
    await ask(stage, subject="The next one")
    await mina.sees_card("The next one")
    assert len(mina.cards()) == 2
    assert len(mina.thread(card)) == 1


async def test_what_came_while_the_bridge_was_down_is_shown_when_it_is_up(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.sees_card("Two bags")
    await stage.stop_bridge()
    maildir = stage.data / "mail" / "support" / "new"
    (maildir / "1.foreign.host").write_bytes(b"From: ben@example.org\nSubject: While you were away\n\nhi\n")
    await stage.start_bridge()
    assert await mina.sees_card("While you were away")
    assert len(mina.cards()) == 2


# --- who may act ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", [GUEST, STRANGER])
async def test_only_full_members_of_the_channel_may_act(stage: Stage, mina: Desk, user: str) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    if user == STRANGER:  # somebody who was in the channel when the card was opened
        stage.slack.workspace.join(CHANNEL, STRANGER)
        person = stage.slack.person(user)
        stage.slack.workspace.leave(CHANNEL, STRANGER)
        await person.command("C0GENERAL1", "/mail", "claim 1")
        refusals = person.ephemerals("C0GENERAL1")
    else:
        person = stage.slack.person(user)
        await mina.sees(lambda: mina.line(card, "where are they?"))
        await person.click(CHANNEL, card["ts"], "claim")
        await person.sees(lambda: person.ephemerals(CHANNEL), timeout=ENOUGH)
        refusals = person.ephemerals(CHANNEL)
        assert "thread_ts" not in refusals[-1]  # beside the card: its thread need not be open
    assert "Only" in said(refusals[-1])
    assert "nobody" in said(mina.cards()[0])


async def test_nobody_acts_in_a_channel_that_is_shared_outside(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.person.command(CHANNEL, "/mail", "inbox")  # what the channel was like is known from here on
    stage.slack.workspace.change_channel(CHANNEL, is_ext_shared=True)
    await stage.slack.delivery.settled()
    await mina.person.click(CHANNEL, card["ts"], "claim")
    assert await mina.sees(lambda: "shared" in said(mina.person.ephemerals(CHANNEL)[-1]))


async def test_nobody_acts_once_they_have_become_a_guest(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.person.command(CHANNEL, "/mail", "inbox")
    stage.slack.workspace.change_user(MINA, is_restricted=True)
    await stage.slack.delivery.settled()
    await mina.person.click(CHANNEL, card["ts"], "claim")
    assert await mina.sees(lambda: "full members" in said(mina.person.ephemerals(CHANNEL)[-1]))


@pytest.mark.parametrize(
    "change",
    [{"name": "help"}, {"is_archived": True}, {"is_ext_shared": True}, {"is_private": True, "is_archived": True}],
)
async def test_what_happens_to_the_channel_is_heard_and_unloads_nothing(
    stage: Stage, mina: Desk, change: dict[str, Any]
) -> None:
    stage.slack.workspace.change_channel(CHANNEL, **change)
    await stage.slack.delivery.settled()
    assert stage.slack.delivery.lost == []
    await mina.person.command("C0GENERAL1", "/mail", "help")


# --- together ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["socket", "http"], indirect=True)
async def test_claim_assign_close_reopen_from_every_place(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.person.click(CHANNEL, card["ts"], "claim")
    await mina.sees(lambda: f"<@{MINA}>" in said(mina.cards()[0]))
    await mina.person.command(CHANNEL, "/mail", "assign 1 @jonas")
    await mina.sees(lambda: f"<@{JONAS}>" in said(mina.cards()[0]))
    await mina.person.command(CHANNEL, "/mail", "close #1")
    await mina.sees(lambda: "Closed" in said(mina.cards()[0]))
    assert "reopen" in actions(mina.cards()[0])
    await mina.person.click(CHANNEL, card["ts"], "reopen")
    await mina.sees(lambda: "Open" in said(mina.cards()[0]))


async def test_what_is_put_aside_is_open_again_at_its_time(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.person.choose(CHANNEL, card["ts"], "more", "snooze:1")
    await mina.sees(lambda: (mina.person.view() or {}).get("callback_id") == "snooze")
    answer = await mina.person.submit({"until": "soon"})
    assert answer
    assert "tomorrow 9am" in answer["errors"]["until"]
    await mina.person.submit({"until": "in 3 hours"})
    await mina.sees(lambda: "Snoozed until" in said(mina.cards()[0]))
    await mina.person.command(CHANNEL, "/mail", "inbox")
    assert "Snoozed" in said(mina.person.ephemerals(CHANNEL)[-1])

    stage.later(timedelta(hours=3))
    await mina.sees(lambda: "Open" in said(mina.cards()[0]))


async def test_a_customers_mail_ends_a_snooze(stage: Stage, mina: Desk) -> None:
    first = await ask(stage)
    await mina.sees_card("Two bags")
    await mina.person.command(CHANNEL, "/mail", "snooze 1 tomorrow 9am")
    await mina.sees(lambda: "Snoozed" in said(mina.cards()[0]))
    await ask(stage, text="Any news?", in_reply_to=first)
    await mina.sees(lambda: "Open" in said(mina.cards()[0]))


async def test_the_log_says_who_did_what(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.person.command(CHANNEL, "/mail", "log 1")
    assert "Nobody" in said(mina.person.ephemerals(CHANNEL)[-1])
    await mina.person.click(CHANNEL, card["ts"], "claim")
    await mina.person.command(CHANNEL, "/mail", "mark 1 flagged")
    await mina.person.command(CHANNEL, "/mail", "archive 1")
    await Desk(stage, JONAS).person.command(CHANNEL, "/mail", "restore 1")
    await mina.opens(mina.cards()[0])
    await mina.person.submit({"body": rich("Words")})
    await mina.sees(lambda: mina.line(card, ":white_check_mark: Sent"))
    await mina.person.command(CHANNEL, "/mail", "log 1")
    lines = said(mina.person.ephemerals(CHANNEL)[-1]).splitlines()[1:]
    assert [line.split("*")[1] for line in lines] == ["sent", "reply", "restore", "archive", "mark flagged", "claim"]
    assert f"<@{JONAS}>" in lines[2]
    assert "owner: none → <@U0MINA0001>" in lines[-1]


async def test_each_mail_of_a_thread_has_its_full_text_and_its_original(stage: Stage, mina: Desk) -> None:
    first = await ask(stage)
    card = await mina.sees_card("Two bags")
    await ask(stage, text="Never mind, I found them.", in_reply_to=first)
    await mina.sees(lambda: mina.line(card, "I found them"))
    line = await mina.sees(lambda: mina.line(card, "where are they?"))
    assert line
    await mina.person.choose(CHANNEL, line["ts"], "mail", "show_original:1:1")
    assert await mina.sees(lambda: first.strip("<>") in said(mina.person.view() or {}))
    await mina.person.choose(CHANNEL, line["ts"], "mail", "show_full:1:1")
    assert await mina.sees(lambda: "where are they?" in said(mina.person.view() or {}))


async def test_an_answer_that_has_left_can_be_seen_exactly_as_it_did(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Here they are")})
    line = await mina.sees(lambda: mina.line(card, ":white_check_mark: Sent"))
    assert line
    (menu,) = [one for one in nodes(line) if one.get("type") == "overflow"]
    await mina.person.choose(CHANNEL, line["ts"], "mail", menu["options"][0]["value"])
    assert await mina.sees(lambda: "Content-Type: text/" in said(mina.person.view() or {}))
    assert (await received(stage, "dana@example.com"))["Message-ID"].strip("<>") in said(mina.person.view() or {})


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("", "/mail inbox"),
        ("inbox", "Two bags are missing"),
        ("search BAGS where", "Two bags are missing"),
        ("search unicorn", "Nothing found"),
        ("search", "Say what to look for"),
        ("read 1", "where are they?"),
        ("read 99", "no conversation #99"),
        ("read", "Say which conversation"),
        ("claim one", "Say which conversation"),
        ("assign 1", "Say who"),
        ("mark 1", "Say how"),
        ("mark 1 green", "Say how"),
        ("snooze 1 whenever", "is no time"),
        ("snooze 1 yesterday", "is past"),
        ("archive 99", "no conversation #99"),
        ("restore", "Say which conversation"),
        ("log 99", "no conversation #99"),
        ("templates", "no canned answers"),
        ("status", "*support* is watched"),
        ("dance", "no verb"),
    ],
)
async def test_mail_answers_in_a_sentence(stage: Stage, mina: Desk, typed: str, answer: str) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: mina.line(card, "where are they?"))
    await mina.person.command(CHANNEL, "/mail", typed)
    assert answer in said(mina.person.ephemerals(CHANNEL)[-1])


async def test_a_picture_that_stood_in_a_mail_is_shown_in_the_forward_not_listed(stage: Stage, mina: Desk) -> None:
    picture = Attachment(
        filename="bag.png", content_type="image/png", content=b"\x89PNG\r\n\x1a\n", content_id="bag@x", inline=True
    )
    dana = Address(name="Dana Reyes", email="dana@example.com")
    raw = compose(
        Outgoing(message_id="<p@x>", date=now(), from_=dana, to=(SHOP,), subject="A bag", attachments=(picture,))
    )
    await stage.world.hand_over(raw, sender=dana.email, recipients=[SHOP.email])
    view = await mina.opens(await mina.sees_card("A bag"), "forward")
    element = next(one["element"] for one in view["blocks"] if one.get("block_id") == "originals")
    kept = [one["value"] for one in element["options"]]
    await mina.person.submit({"to": "repairs@example.net", "originals": kept})
    mail = await received(stage, "repairs@example.net")
    html = mail.get_body(("html",))
    assert html
    assert 'src="cid:bag%40x"' in html.get_content()
    assert list(mail.iter_attachments()) == []
    shown = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert [part.get_content() for part in shown] == [picture.content]


async def test_a_user_groups_mention_is_not_sent_as_an_id(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    words: dict[str, Any] = rich("Ask ")
    words["elements"][0]["elements"].append({"type": "usergroup", "usergroup_id": "S0ROASTERS"})
    errors = await mina.person.submit({"body": words})
    assert "user group" in str(errors)
    assert stage.world.envelopes == []
