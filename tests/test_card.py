"""What a card shows at a glance, and which of a conversation's mails its menus and `/mail` mean."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.model import (
    Address,
    Automatic,
    ChannelId,
    Conversation,
    Direction,
    Line,
    MailboxName,
    MailId,
    Message,
    Number,
    Reading,
    Span,
    Status,
    StoredFile,
    StoredMessage,
)
from bridge.slack import reading
from bridge.slack.card import card

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
DANA = Address(name="Dana", email="dana@example.com")
SHOP = Address(name="Fernhill", email="hello@fernhill.example.com")
CONVERSATION = Conversation(
    number=Number(1),
    mailbox=MailboxName("support"),
    channel=ChannelId("C1"),
    subject="Two bags",
    status=Status.OPEN,
    owner=None,
    card_ts=None,
    version=1,
    created=AT,
    updated=AT + timedelta(hours=1),
)


def mail(*lines: Line, number: int = 1) -> StoredMessage:
    return StoredMessage(
        id=MailId(number),
        mailbox=MailboxName("support"),
        number=Number(1),
        direction=Direction.IN,
        message=Message(from_=(DANA,), to=(SHOP,), subject="Two bags"),
        reading=Reading(new=lines),
        files=(),
        raw_id=1,
        received=AT,
        thread_ts=None,
        shared=False,
        quarantined=False,
        readings=1,
    )


def acknowledgement() -> StoredMessage:
    message = Message(from_=(SHOP,), to=(DANA,), subject="Re: Two bags [#1]", automatic=Automatic.REPLY)
    ours = mail(Line.of("thank you for writing to us"), number=2)
    return replace(ours, direction=Direction.OUT, message=message)


def preview(*lines: Line) -> str:
    shown = card(CONVERSATION, [mail(*lines)], mailbox="support").blocks
    return [str(one["text"]["text"]) for one in shown if one["type"] == "section"][1]


def state(conversation: Conversation) -> str:
    shown = card(conversation, [mail(Line.of("Where?"))], mailbox="support").blocks
    found = [str(one["elements"][0]["text"]) for one in shown if one["type"] == "context"]
    return next(one for one in found if "*#1*" in one)


def test_a_long_mail_is_one_paragraph_that_ends_between_words() -> None:
    """Where it is cut is seen; it breaks nowhere else."""
    shown = preview(Line.of("Good morning,"), Line(), Line.of("the order of my office came " * 30))
    assert "\n" not in shown
    assert shown.startswith("Good morning, the order of my office came the order")
    assert shown.endswith(("came…", "order…", "office…", "my…", "of…", "the…"))
    assert 250 < len(shown) <= 281


def test_a_short_mail_is_shown_whole() -> None:
    assert preview(Line.of("Where are they?"), Line(), Line.of("Dana")) == "Where are they? Dana"


def test_the_points_of_a_list_are_told_apart() -> None:
    points = (Line(spans=(Span(text=one),), marker=f"{at}.") for at, one in enumerate(("the invoice", "a label"), 1))
    assert preview(Line.of("Please send"), *points) == "Please send 1. the invoice 2. a label"


def test_a_word_without_an_end_is_cut_where_the_room_ends() -> None:
    assert preview(Line.of("가" * 900)) == "가" * 280 + "…"


def test_a_style_and_a_link_that_are_cut_stay_what_they_are() -> None:
    bold = Line(spans=(Span(text="x " * 130), Span(text="very much indeed " * 20, bold=True)))
    assert preview(bold).endswith("…*")
    link = Line(spans=(Span(text="y " * 138), Span(text="the whole of it", href="https://example.com/" + "a" * 400)))
    assert "\n" not in preview(link)


def test_a_file_that_was_passed_on_is_named_once() -> None:
    invoice = StoredFile(position=0, filename="invoice.pdf", content_type="application/pdf", size=1000, inline=False)
    other = replace(invoice, position=1, filename="photo.png")
    asked = replace(mail(Line.of("Here")), files=(invoice, other))
    passed_on = replace(acknowledgement(), files=(invoice,))
    shown = str(card(CONVERSATION, [asked, passed_on], mailbox="support").blocks)
    assert (shown.count("invoice.pdf"), shown.count("photo.png")) == (1, 1)


def test_the_menus_mean_the_mail_that_the_card_shows() -> None:
    """Not what the bridge answered it by itself."""
    asked, ours = mail(Line.of("Where are they?")), acknowledgement()
    assert reading.chosen([asked, ours], None) == asked
    assert reading.chosen([asked, ours], ours.id) == ours
    assert reading.chosen([ours], None) == ours
    assert "Where are they?" in str(reading.newest([asked, ours]))


def test_a_mail_of_ours_names_its_recipient_once() -> None:
    [head, *_] = reading.newest([acknowledgement()])["blocks"]
    words = head["elements"][0]["text"]
    assert words.count("dana@example.com") == 1
    assert "hello@fernhill.example.com" in words


@pytest.mark.parametrize(
    ("status", "waits"), [(Status.OPEN, True), (Status.SNOOZED, True), (Status.WAITING, False), (Status.CLOSED, False)]
)
def test_a_card_says_since_when_it_stands_so(status: Status, *, waits: bool) -> None:
    changed = str(int(CONVERSATION.updated.timestamp()))
    shown = state(replace(CONVERSATION, status=status))
    assert ("waits since" in shown, changed in shown) == (waits, not waits)
