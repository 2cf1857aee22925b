"""Writing an answer, from the click to what leaves: what its author is told, asked, and never loses."""

from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from onstage import Desk, actions, ask, initial, marked, nodes, received, rich, said

from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, JONAS, MINA, STRANGER, Stage
from bridge.model import Attachment, now
from bridge.store import jobs
from bridge.store.database import Store

TEMPLATES = """
[[template]]
name = "Sorry"
folder = "Care"
text = "Dear {{ sender.name }},\\n\\nwe are **sorry** about *{{ subject }}* (#{{ number }}).\\n\\n{{ agent.name }}"

[[template]]
name = "Closed"
text = "{% if hours.open %}We are here.{% else %}We are back on {{ hours.opens }}.{% endif %}"

[[template]]
name = "Welcome"
subject = "Welcome to {{ mailbox.name }}"
text = "Hello {{ sender.email }}!"
"""


async def restarted(stage: Stage, *, hold: float = 60, others: str = "") -> None:
    """The same stage, where a mail is held until somebody lets it go."""
    await stage.stop_bridge()
    stage.hold, stage.others = hold, others
    await stage.start_bridge()


async def due(stage: Stage, key: str) -> None:
    """Its time has come."""
    store = await Store.open(stage.settings().database_url.get_secret_value())
    async with store.write() as conn:
        assert await jobs.reschedule(conn, key, due=now())
    await store.close()


def view_of(desk: Desk) -> dict[str, Any]:
    return desk.person.view() or {}


def submit_label(desk: Desk) -> str:
    return str((view_of(desk).get("submit") or {}).get("text"))


@pytest.fixture(name="jonas")
def jonas_fixture(stage: Stage) -> Desk:
    return Desk(stage, JONAS)


# --- whom it goes to --------------------------------------------------------------------------------------------------


async def test_what_leaves_tells_who_came_in_who_fell_off_and_who_is_new(stage: Stage, mina: Desk) -> None:
    await restarted(stage)
    await ask(stage, to=f"{SHOP.email}, Eve <eve@example.net>")
    await mina.opens(await mina.sees_card("Two bags"), "reply_all")
    await mina.person.submit({"to": "Dana <dana@example.com>", "cc": "ben@alder.example", "body": rich("Words")})
    told = said(view_of(mina))
    assert "*Not on the mail you answer:* ben@alder.example" in told
    assert "*On it, and left out:* Eve <eve@example.net>".replace("<", "&lt;").replace(">", "&gt;") in told
    assert "*Written to for the first time:* ben@alder.example" in told
    assert "Inside your organisation" not in told


async def test_an_answer_to_the_same_people_tells_nothing(stage: Stage, mina: Desk) -> None:
    await restarted(stage)
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    await mina.person.submit({"body": rich("Words")})
    assert not any(words in said(view_of(mina)) for words in ("Not on the mail", "left out", "first time"))


async def test_a_colleague_whom_the_customer_would_see_is_warned_of_and_stops_nothing(stage: Stage, mina: Desk) -> None:
    await restarted(stage)
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    await mina.person.submit({"cc": "jonas@fernhill.example.com", "body": rich("Words")})
    assert "Inside your organisation" in said(view_of(mina))
    assert "cancel_send" in actions(view_of(mina))


async def test_who_was_written_to_once_is_not_new_again(stage: Stage, mina: Desk) -> None:
    for count in (1, 2):
        await mina.person.command(CHANNEL, "/mail", "new ben@alder.example")
        await mina.sees_compose()
        await mina.person.submit({"subject": f"Order {count}", "body": rich("It is ready")})
        assert ("Written to for the first time" in said(view_of(mina))) is (count == 1)
        await received(stage, "ben@alder.example", count)
        await mina.sees(lambda: "*Sent.*" in said(view_of(mina)))
        await mina.person.close_view()


async def test_an_address_that_looks_like_a_known_one_is_asked_about_once(stage: Stage, mina: Desk) -> None:
    await restarted(stage)
    await ask(stage, from_="Dana <dana@kestrel-travel.example>")
    await mina.opens(await mina.sees_card("Two bags"))
    upload = await mina.person.upload("label.pdf", b"%PDF-1.4")
    typed = {"to": "dana@kestrel-travei.example", "body": rich("Words"), "cc": "x@alder.example", "files": [upload]}
    answer = await mina.person.submit(typed)
    assert answer
    assert answer["response_action"] == "update"
    assert "*dana@kestrel-travei.example* looks like an address at *kestrel-travel.example*" in said(view_of(mina))
    assert submit_label(mina) == "Send anyway"
    await mina.person.submit()  # everything typed is still there, the file too
    shown = said(view_of(mina))
    assert "dana@kestrel-travei.example" in shown
    assert "x@alder.example" in shown
    assert "label.pdf" in shown
    assert "cancel_send" in actions(view_of(mina))


# --- what has changed meanwhile ---------------------------------------------------------------------------------------


async def test_a_mail_that_came_meanwhile_is_shown_and_asked_about(stage: Stage, mina: Desk) -> None:
    first = await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await ask(stage, subject="Re: Two bags", text="They have just come. Thank you!", in_reply_to=first)
    await mina.sees(lambda: mina.line(card, "just come"))
    await mina.person.submit({"body": rich("We look for them"), "subject": "My subject"})
    told = said(view_of(mina))
    assert "*Dana Reyes* wrote" in told
    assert "They have just come. Thank you!" in told
    assert submit_label(mina) == "Send anyway"
    assert stage.world.envelopes == []
    await mina.person.submit()
    mail = await received(stage, "dana@example.com")
    assert mail["Subject"] == "My subject"
    body = mail.get_body(("plain",))
    assert body
    assert "We look for them" in body.get_content()


async def test_a_colleagues_answer_that_is_on_its_way_is_shown_and_asked_about(
    stage: Stage, mina: Desk, jonas: Desk
) -> None:
    await restarted(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await jonas.opens(card)
    await jonas.person.submit({"body": rich("I have found them")})
    await mina.person.submit({"body": rich("Where did we leave them?")})
    told = said(view_of(mina))
    assert f"<@{JONAS}> answers already" in told
    assert "I have found them" in told
    assert submit_label(mina) == "Send anyway"
    await mina.person.submit()
    assert "cancel_send" in actions(view_of(mina))


async def test_what_a_colleague_has_undone_is_no_news(stage: Stage, mina: Desk, jonas: Desk) -> None:
    await restarted(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await jonas.opens(card)
    await jonas.person.submit({"body": rich("I have found them")})
    await jonas.person.click_view("cancel_send")
    await mina.person.submit({"body": rich("Words")})
    assert "cancel_send" in actions(view_of(mina))


# --- nothing typed is lost --------------------------------------------------------------------------------------------


async def test_a_modal_closed_by_accident_is_taken_up_again(stage: Stage, mina: Desk) -> None:
    await restarted(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    upload = await mina.person.upload("label.pdf", b"%PDF-1.4")
    await mina.person.close_view({"body": rich("Half an ans"), "cc": "not yet an addr", "files": [upload]})
    view = await mina.opens(card)
    assert initial(view, "body") == rich("Half an ans")
    assert initial(view, "cc") == "not yet an addr"
    assert "did not send is here again" in said(view)
    assert "label.pdf" in said({"blocks": initial(view, "originals")})
    await mina.person.submit({"body": rich("Half an answer"), "cc": None})
    await mina.person.click_view("send_now")
    mail = await received(stage, "dana@example.com")
    assert [part.get_filename() for part in mail.iter_attachments()] == ["label.pdf"]
    await mina.person.close_view()
    assert "body" not in [block["block_id"] for block in (await mina.opens(card))["blocks"] if initial_of(block)]


def initial_of(block: dict[str, Any]) -> Any:
    return block.get("element", {}).get("initial_value")


async def test_where_slack_fails_at_submit_everything_stays_and_the_next_try_sends(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    mention = {"type": "rich_text_section", "elements": [{"type": "user", "user_id": STRANGER}]}
    stage.slack.faults.refuse("users.info", error="internal_error")
    answer = await mina.person.submit({"body": {"type": "rich_text", "elements": [mention]}, "cc": "ben@alder.example"})
    assert answer
    assert answer["response_action"] == "errors"
    assert answer["errors"]["body"].endswith("Send again from here: it leaves once.")
    await mina.person.submit()
    mail = await received(stage, "dana@example.com")
    assert mail["Cc"] == "ben@alder.example"
    assert "olga" in mail.as_string()


async def test_what_one_agent_put_down_is_nobody_elses(stage: Stage, mina: Desk, jonas: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.close_view({"body": rich("Half an ans")})
    assert initial(await jonas.opens(card), "body") == ""


async def test_an_empty_modal_that_is_closed_leaves_nothing(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.close_view()
    assert "here again" not in said(await mina.opens(card))


async def test_an_undo_that_slack_lets_nobody_see_keeps_the_words(stage: Stage, mina: Desk) -> None:
    """The click came too late for a modal: a trigger lives three seconds."""
    await restarted(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Wrong words")})
    await mina.person.close_view()
    line = await mina.sees(lambda: next((one for one in mina.thread(card) if "cancel_send" in actions(one)), None))
    assert line
    patience, stage.slack.workspace.screens.trigger_seconds = stage.slack.workspace.screens.trigger_seconds, -1
    await mina.person.click(CHANNEL, line["ts"], "cancel_send")
    assert await mina.sees(lambda: mina.person.ephemerals(CHANNEL))
    assert "Reply has its words again" in said(mina.person.ephemerals(CHANNEL)[-1])
    stage.slack.workspace.screens.trigger_seconds = patience
    assert initial(await mina.opens(card), "body") == rich("Wrong words")
    assert stage.world.envelopes == []


async def test_a_new_mail_that_was_closed_is_taken_up_again(stage: Stage, mina: Desk) -> None:
    await mina.person.global_shortcut("new_email")
    await mina.sees_compose()
    await mina.person.close_view({"to": "ben@alder.example", "subject": "Order", "body": rich("It is")})
    await mina.person.global_shortcut("new_email")
    view = await mina.sees_compose()
    assert initial(view, "to") == "ben@alder.example"
    assert initial(view, "body") == rich("It is")


# --- templates --------------------------------------------------------------------------------------------------------


async def test_a_template_fills_in_the_answer_and_is_counted(stage: Stage, mina: Desk) -> None:
    await restarted(stage, hold=0, others=TEMPLATES)
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    upload = await mina.person.upload("label.pdf", b"%PDF-1.4")
    await mina.person.fill({"cc": "ben@alder.example", "files": [upload]})
    await mina.person.click_view("value", value="Sorry")
    view = await mina.sees(lambda: view_of(mina) if "sorry" in said({"blocks": [initial_body(mina)]}) else None)
    assert view
    assert initial(view, "subject") == "Re: Two bags are missing"
    await mina.person.submit()
    mail = await received(stage, "dana@example.com")
    body, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert body
    assert html
    text = body.get_content()
    assert "Dear Dana Reyes," in text
    assert "Two bags are missing (#1)" in text.replace("*", "").replace("_", "")
    assert "Mina Park" in text
    assert "<b>sorry</b>" in html.get_content() or "<strong>sorry</strong>" in html.get_content()
    assert mail["Cc"] == "ben@alder.example"
    assert [part.get_filename() for part in mail.iter_attachments()] == ["label.pdf"]
    await mina.person.command(CHANNEL, "/mail", "templates")
    listed = said(mina.person.ephemerals(CHANNEL)[-1])
    assert "*Sorry*  ·  sent 1 time" in listed
    assert "*Welcome*" in listed


def initial_body(desk: Desk) -> Any:
    blocks = view_of(desk).get("blocks") or []
    return next((block["element"].get("initial_value") or {} for block in blocks if block["block_id"] == "body"), {})


async def test_a_template_tells_the_office_hours_of_the_moment_at_which_it_is_chosen(stage: Stage, mina: Desk) -> None:
    stage.source += '\nhours = { open = ["mon 9:00-10:00"] }'
    monday = now() + timedelta(days=-now().weekday() % 7 or 7)
    stage.later(monday.replace(hour=9, minute=30) - now())
    await restarted(stage, others=TEMPLATES)
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    await mina.person.click_view("value", value="Closed")
    await mina.sees(lambda: "We are here." in said({"blocks": [initial_body(mina)]}))
    await mina.person.close_view()
    stage.later(timedelta(hours=1))
    await mina.opens(await mina.sees_card("Two bags"))
    await mina.person.click_view("value", value="Closed")
    back = monday + timedelta(days=7)
    told = f"We are back on Monday {back.day} {back:%B}, 9:00."
    await mina.sees(lambda: told in said({"blocks": [initial_body(mina)]}))


async def test_what_was_typed_before_stays_above_the_template(stage: Stage, mina: Desk) -> None:
    await restarted(stage, others=TEMPLATES)
    await mina.person.command(CHANNEL, "/mail", "new ben@alder.example")
    await mina.sees_compose()
    await mina.person.fill({"body": rich("My own words")})
    await mina.person.click_view("value", value="Welcome")
    await mina.sees(lambda: "ben@alder.example!" in said({"blocks": [initial_body(mina)]}))
    words = said({"blocks": [initial_body(mina)]})
    assert words.index("My own words") < words.index("Hello ben@alder.example!")
    assert initial(view_of(mina), "subject") == "Welcome to Fernhill Coffee"


# --- when it leaves, and then -----------------------------------------------------------------------------------------


async def test_send_and_close(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    await mina.person.submit({"body": rich("Bye"), "then": ["close"]})
    assert "Then the conversation is closed" in said(view_of(mina))
    await received(stage, "dana@example.com")
    await mina.sees(lambda: "Closed" in said(mina.cards()[0]))


async def test_a_mail_is_sent_later_and_can_be_undone_until_then(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    answer = await mina.person.submit({"body": rich("Good morning"), "later": "yesterday"})
    assert answer
    assert list(answer["errors"]) == ["later"]
    await mina.person.submit({"later": "in 3 hours"})
    assert "Leaves <!date^" in said(view_of(mina))
    await mina.sees(lambda: f":clock3: <@{MINA}>'s answer leaves <!date^" in said(mina.cards()[0]))
    line = await mina.sees(lambda: mina.line(card, ":hourglass_flowing_sand: Leaves <!date^"))
    assert line
    assert {"cancel_send", "send_now"} <= set(actions(line))
    assert stage.world.envelopes == []
    stage.later(timedelta(hours=3))
    mail = await received(stage, "dana@example.com")
    assert "Good morning" in mail.as_string()
    await mina.sees(lambda: ":clock3:" not in said(mina.cards()[0]))


async def test_a_mail_for_later_stops_where_the_customer_writes_first_and_its_author_is_told(
    stage: Stage, mina: Desk
) -> None:
    first = await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.person.submit({"body": rich("Any news?"), "later": "tomorrow 9am"})
    await mina.person.close_view()
    await ask(stage, subject="Automatic reply: Two bags", text="Back on Monday", in_reply_to=first)
    await mina.sees(lambda: mina.line(card, "Back on Monday"))
    assert mina.line(card, ":hourglass_flowing_sand: Leaves <!date^")  # an automatic mail is no word of the customer's
    await ask(stage, subject="Re: Two bags", text="They came!", in_reply_to=first)
    assert await mina.sees(lambda: mina.line(card, f"<@{MINA}>: the customer wrote before your mail was to leave"))
    line = await mina.sees(lambda: mina.line(card, "Not sent"))
    assert line
    assert {"resend", "cancel_send"} <= set(actions(line))
    await mina.person.click(CHANNEL, line["ts"], "cancel_send")
    assert initial(await mina.sees_compose(), "body") == rich("Any news?")
    stage.later(timedelta(days=2))
    await ask(stage, from_="Ben <ben@example.org>", subject="Another")
    await mina.sees_card("Another")
    assert stage.world.envelopes == []


async def test_the_originals_attachments_can_go_back_with_a_reply(stage: Stage, mina: Desk) -> None:
    invoice = Attachment(filename="invoice.pdf", content_type="application/pdf", content=b"%PDF-1.4 invoice")
    await ask(stage, files=[invoice])
    view = await mina.opens(await mina.sees_card("Two bags"))
    assert initial(view, "originals") == ""  # offered, not chosen
    option = next(node["value"] for node in nodes(view) if str(node.get("value", "")).startswith("mail:"))
    await mina.person.submit({"body": rich("Yours, corrected"), "originals": [option], "quote": []})
    mail = await received(stage, "dana@example.com")
    assert [part.get_filename() for part in mail.iter_attachments()] == ["invoice.pdf"]
    assert "where are they?" not in mail.as_string()


# --- a message that became an answer ----------------------------------------------------------------------------------


async def spoken(stage: Stage, mina: Desk, words: str = "They leave today") -> tuple[dict[str, Any], str]:
    """An answer that was made of a message, held; the card, and the message."""
    await restarted(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: mina.line(card, "where are they?"))
    ts = await mina.person.say(CHANNEL, words, thread_ts=card["ts"])
    await mina.person.message_shortcut("send_as_email", CHANNEL, ts)
    await mina.sees_compose()
    return card, ts


async def with_file(stage: Stage, mina: Desk, words: str) -> str:
    """A message with a file in the thread of a mail; its ts."""
    await restarted(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: mina.line(card, "where are they?"))
    slip = await mina.person.upload("slip.pdf", b"%PDF the slip")
    photo = await mina.person.upload("photo.png", b"PNG the photo")
    ts = await mina.person.say(CHANNEL, words, thread_ts=card["ts"], files=[slip, photo])
    await mina.person.message_shortcut("send_as_email", CHANNEL, ts)
    view = await mina.sees_compose()
    assert len(initial(view, "originals")) == 2
    return ts


def enclosed(mail: EmailMessage) -> dict[str, bytes]:
    """The files of a mail."""
    return {one.get_filename() or "": bytes(one.get_content()) for one in mail.iter_attachments()}


@pytest.mark.parametrize("words", ["The slip is attached", ""])
async def test_a_messages_files_leave_with_the_mail_that_it_becomes(stage: Stage, mina: Desk, words: str) -> None:
    await with_file(stage, mina, words)
    await mina.person.submit({} if words else {"body": rich("The slip is attached")})
    await mina.sees(lambda: "slip.pdf" in said(view_of(mina)))
    await mina.person.click_view("send_now")
    mail = await received(stage, "dana@example.com")
    assert enclosed(mail) == {"slip.pdf": b"%PDF the slip", "photo.png": b"PNG the photo"}


async def test_a_messages_file_that_is_unchecked_stays_in_slack(stage: Stage, mina: Desk) -> None:
    """Also where the form is shown again in between, with what its author should know."""
    await with_file(stage, mina, "The slip is attached")
    slip = initial(view_of(mina), "originals")[0]["value"]
    await mina.person.submit({"originals": [slip], "cc": "dana@examp1e.com"})
    assert submit_label(mina) == "Send anyway"
    assert [one["value"] for one in initial(view_of(mina), "originals")] == [slip]
    await mina.person.submit()
    await mina.sees(lambda: "slip.pdf" in said(view_of(mina)))
    await mina.person.click_view("send_now")
    assert list(enclosed(await received(stage, "dana@example.com"))) == ["slip.pdf"]


async def test_a_messages_files_are_put_down_with_its_words(stage: Stage, mina: Desk) -> None:
    await with_file(stage, mina, "The slip is attached")
    await mina.person.close_view()
    view = await mina.opens(await mina.sees_card("Two bags"))
    assert len(initial(view, "originals")) == 2


async def test_deleting_a_message_of_files_alone_undoes_the_held_mail(stage: Stage, mina: Desk) -> None:
    ts = await with_file(stage, mina, "")
    await mina.person.submit({"body": rich("The slip is attached")})
    card = await mina.sees_card("Two bags")
    await mina.sees(lambda: mina.line(card, "Leaves at"))
    await mina.person.delete(CHANNEL, ts)
    assert await mina.sees(lambda: mina.line(card, "Undone"))
    assert stage.world.envelopes == []


async def test_editing_the_message_edits_the_held_mail(stage: Stage, mina: Desk) -> None:
    card, ts = await spoken(stage, mina)
    await mina.person.submit()
    await mina.sees(lambda: mina.line(card, "Leaves at"))
    await mina.person.edit(CHANNEL, ts, "They leave *tomorrow*")
    line = await mina.sees(
        lambda: next((one for one in mina.thread(card) if "tomorrow" in said(one) and one.get("bot_id")), None)
    )
    assert line
    await mina.person.click(CHANNEL, line["ts"], "send_now")
    mail = await received(stage, "dana@example.com")
    body = mail.get_body(("plain",))
    assert body
    assert "tomorrow" in body.get_content()
    assert "today" not in body.get_content()
    await mina.person.command(CHANNEL, "/mail", "log 1")
    told = await mina.sees(lambda: next(one for one in mina.person.ephemerals(CHANNEL) if "reword" in said(one)))
    assert f"<@{MINA}>" in said(told)
    assert "the message was edited" in said(told)


async def test_deleting_the_message_undoes_the_held_mail(stage: Stage, mina: Desk) -> None:
    card, ts = await spoken(stage, mina)
    await mina.person.submit()
    await mina.sees(lambda: mina.line(card, "Leaves at"))
    await mina.person.delete(CHANNEL, ts)
    assert await mina.sees(lambda: mina.line(card, "Undone"))
    assert stage.world.envelopes == []


async def test_a_message_that_leaves_replies_behind_counts_as_deleted_too(stage: Stage, mina: Desk) -> None:
    await restarted(stage)
    ts = await mina.person.say(CHANNEL, "We are closed on Monday")
    await mina.person.say(CHANNEL, "Really?", thread_ts=ts)
    await mina.person.message_shortcut("send_as_email", CHANNEL, ts)
    await mina.sees_compose()
    await mina.person.submit({"to": "ben@alder.example", "subject": "Monday"})
    card = await mina.sees_card("Monday")
    await mina.sees(lambda: mina.line(card, "Leaves at"))
    await mina.person.delete(CHANNEL, ts)
    assert await mina.sees(lambda: mina.line(card, "Undone"))


async def test_after_it_has_left_the_message_changes_nothing_and_that_is_said_once(stage: Stage, mina: Desk) -> None:
    card, ts = await spoken(stage, mina)
    await mina.person.submit()
    await mina.person.click_view("send_now")
    await received(stage, "dana@example.com")
    await mina.sees(lambda: mina.line(card, ":white_check_mark: Sent"))
    await mina.person.edit(CHANNEL, ts, "They leave tomorrow")
    line = await mina.sees(lambda: mina.line(card, "was edited after the mail had left"))
    assert line
    assert "today" in said(line)
    await mina.person.delete(CHANNEL, ts)
    await stage.slack.delivery.settled()
    await mina.person.command(CHANNEL, "/mail", "close 1")
    await mina.sees(lambda: "Closed" in said(mina.cards()[0]))
    assert mina.line(card, "was edited after the mail had left")
    assert not mina.line(card, "was deleted after")


async def test_a_mail_whose_words_were_changed_in_the_form_keeps_them(stage: Stage, mina: Desk) -> None:
    card, ts = await spoken(stage, mina, "they leave today, tell her")
    await mina.person.submit({"body": rich("Dear Dana, they leave today.")})
    await mina.sees(lambda: mina.line(card, "Leaves at"))
    await mina.person.edit(CHANNEL, ts, "they leave today, tell that pest")
    line = await mina.sees(lambda: mina.line(card, "has other words since the form"))
    assert line
    assert "pest" not in said(line)


# --- together ---------------------------------------------------------------------------------------------------------


async def test_who_is_writing_shows_on_the_card_while_the_modal_is_open(stage: Stage, mina: Desk, jonas: Desk) -> None:
    await restarted(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.opens(card)
    await mina.sees(lambda: f"<@{MINA}> is writing an answer" in said(mina.cards()[0]))
    assert f"<@{MINA}> is writing an answer to this as well" in said(await jonas.opens(card))
    await jonas.person.close_view()
    await mina.sees(lambda: f"<@{JONAS}> is writing" not in said(mina.cards()[0]))
    assert f"<@{MINA}> is writing an answer" in said(mina.cards()[0])
    await mina.person.submit({"body": rich("Words")})
    await mina.sees(lambda: "is writing" not in said(mina.cards()[0]))


async def test_a_modal_that_nobody_hears_of_any_more_ends_by_itself(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    view = await mina.opens(await mina.sees_card("Two bags"))
    await mina.sees(lambda: "is writing an answer" in said(mina.cards()[0]))
    draft = next(part for part in view["private_metadata"].split('"') if len(part) == 16)
    await due(stage, f"lapse:{draft}")
    await mina.sees(lambda: "is writing" not in said(mina.cards()[0]))


async def test_the_owner_is_told_when_somebody_else_answers(stage: Stage, mina: Desk, jonas: Desk) -> None:
    await restarted(stage)
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await jonas.person.click(CHANNEL, card["ts"], "claim")
    await mina.opens(card)
    await mina.person.submit({"body": rich("I answer this")})
    told = await mina.sees(lambda: mina.line(card, f"<@{JONAS}>: <@{MINA}> answers this conversation of yours"))
    assert told
    await jonas.person.click(CHANNEL, told["ts"], "cancel_send")
    assert initial(await jonas.sees_compose(), "body") == rich("I answer this")
    assert stage.world.envelopes == []


@pytest.mark.parametrize("stage", ["socket", "http"], indirect=True)
async def test_claim_take_over_and_release_are_told_to_whom_they_concern(stage: Stage, mina: Desk, jonas: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.person.click(CHANNEL, card["ts"], "claim")
    await mina.sees(lambda: f"<@{MINA}>" in said(mina.cards()[0]))
    await jonas.person.click(CHANNEL, card["ts"], "claim")
    assert await jonas.person.sees(
        lambda: f"was <@{MINA}>'s, and is yours now" in said(jonas.person.ephemerals(CHANNEL)[-1])
    )
    assert await mina.sees(lambda: mina.line(card, f"<@{MINA}>: <@{JONAS}> took this over from you"))
    await mina.person.command(CHANNEL, "/mail", "claim 1")
    assert f"was <@{JONAS}>'s" in said(mina.person.ephemerals(CHANNEL)[-1])
    await mina.sees(lambda: f"<@{MINA}>" in "".join(marked(mina.cards()[0])))
    await mina.person.click(CHANNEL, card["ts"], "release")
    await mina.sees(lambda: "nobody" in said(mina.cards()[0]))
    assert "release" not in actions(mina.cards()[0])
    await mina.person.command(CHANNEL, "/mail", "assign 1 @jonas")
    assert await mina.sees(lambda: mina.line(card, f"<@{JONAS}>: <@{MINA}> gave this to you"))
    await mina.person.command(CHANNEL, "/mail", "release 1")
    assert "nobody's now" in said(mina.person.ephemerals(CHANNEL)[-1])
