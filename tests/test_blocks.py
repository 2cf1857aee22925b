"""What the channel and the modals show stays within what Slack takes, on any mail."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.canned import Template
from bridge.demo.double.blockkit import check_message_blocks, check_view
from bridge.lookup import PAGE, Found, Hit
from bridge.model import (
    Address,
    Automatic,
    Bounce,
    Brief,
    ChannelId,
    Conversation,
    Direction,
    Draft,
    DraftFile,
    DraftId,
    DraftKind,
    DraftState,
    FileId,
    Line,
    MailboxName,
    MailId,
    Message,
    Named,
    Number,
    Reading,
    Span,
    Status,
    StoredFile,
    StoredMessage,
    Ts,
    UserId,
)
from bridge.rules import Difference
from bridge.slack import blocks, compose, home, mending, modals, proposed, reading, results, setup
from bridge.slack.card import Busy, card
from bridge.slack.forms import Carried, Form, Kept, News, sign

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
words = st.text(max_size=30) | st.sampled_from(
    ["<!channel>", "x" * 5000, "`" * 40, "&lt;", "*_~", "\u202egnp", "가" * 900]
)
addresses = st.builds(Address, name=words, email=st.just("a@example.com") | words)
people = st.lists(addresses, max_size=12).map(tuple)
lines = st.lists(
    st.builds(
        Line,
        spans=st.lists(st.builds(Span, text=words, bold=st.booleans(), code=st.booleans()), max_size=2).map(tuple),
        quote=st.integers(0, 3),
        pre=st.booleans(),
        heading=st.booleans(),
    ),
    max_size=6,
).map(tuple)
messages = st.builds(
    Message,
    from_=people,
    to=people,
    cc=people,
    subject=words,
    automatic=st.sampled_from(Automatic),
    bounce=st.none() | st.builds(Bounce, reason=words, recipient=words),
    notes=st.lists(words, max_size=5).map(tuple),
)
files = st.lists(
    st.builds(
        StoredFile,
        position=st.just(0),
        filename=words,
        content_type=st.just("image/png"),
        size=st.integers(0, 10**9),
        inline=st.booleans(),
    ),
    max_size=30,
).map(tuple)
stored = st.builds(
    StoredMessage,
    id=st.just(MailId(10**9)),
    mailbox=st.just(MailboxName("support")),
    number=st.just(Number(10**9)),
    direction=st.sampled_from(Direction),
    message=messages,
    reading=st.builds(Reading, new=lines, folded=lines),
    files=files,
    raw_id=st.none(),
    received=st.just(AT),
    thread_ts=st.none(),
    shared=st.just(False),
    quarantined=st.booleans(),
    readings=st.just(1),
)
conversations = st.builds(
    Conversation,
    number=st.just(Number(10**9)),
    mailbox=st.just(MailboxName("support")),
    channel=st.just(ChannelId("C1")),
    subject=words,
    status=st.sampled_from(Status),
    owner=st.none() | st.just(UserId("U0MINA0001")),
    card_ts=st.none(),
    version=st.just(1),
    created=st.just(AT),
    updated=st.just(AT),
    due=st.none() | st.just(AT),
)
drafts = st.builds(
    Draft,
    id=st.just(DraftId("0123456789abcdef")),
    kind=st.sampled_from(DraftKind),
    state=st.sampled_from([one for one in DraftState if one not in proposed.STATES]),
    mailbox=st.just(MailboxName("support")),
    number=st.just(Number(1)),
    answers=st.none(),
    author=st.just(UserId("U0MINA0001")),
    author_name=words,
    to=people,
    cc=people,
    bcc=people,
    subject=words,
    rich_text=st.just({"type": "rich_text", "elements": []}),
    files=st.lists(
        st.builds(
            DraftFile,
            filename=words,
            content_type=st.just("image/png"),
            size=st.integers(0, 10**9),
            slack_id=st.just(FileId("F1")),
        ),
        max_size=12,
    ).map(tuple),
    message_id=st.just("<a@b>"),
    due=st.just(AT),
    created=st.just(AT),
    reason=words,
    outcome=st.lists(st.tuples(words, words), max_size=12).map(tuple),
)
modest = settings(max_examples=40, deadline=None)


def inert(surface: blocks.Surface) -> None:
    """Within the limits, and nothing in it that mail text could have made Slack do."""
    assert check_message_blocks(surface.blocks) == []
    assert surface.text
    assert len(surface.text) <= 4000
    for text in (surface.text, *mrkdwn(surface.blocks)):
        assert "<!channel" not in text


def mrkdwn(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["text"]] if node.get("type") == "mrkdwn" else []
        return own + [text for value in node.values() for text in mrkdwn(value)]
    if isinstance(node, list):
        return [text for item in node for text in mrkdwn(item)]
    return []


@modest
@given(conversations, st.lists(stored, max_size=3), st.deferred(lambda: st.lists(drafts, max_size=7)))
def test_every_card_is_one_that_slack_takes(
    conversation: Conversation, found: list[StoredMessage], waiting: list[Draft]
) -> None:
    people_writing = tuple(UserId(f"U{number}") for number in range(9))
    busy = Busy(writing=people_writing, waiting=tuple(waiting))
    inert(card(conversation, found, mailbox="support", busy=busy))


@modest
@given(stored)
def test_every_mail_is_a_message_that_slack_takes(mail: StoredMessage) -> None:
    inert(blocks.mail(mail))


@modest
@given(words)
def test_every_alarm_is_one_that_slack_takes(reason: str) -> None:
    inert(mending.alarm("support", reason=f"{reason} `bridge login support`"))


@modest
@given(drafts, st.sampled_from(list(proposed.STATES)), lines)
def test_every_proposal_is_one_that_slack_takes(draft: Draft, state: DraftState, text: tuple[Line, ...]) -> None:
    inert(proposed.line(replace(draft, state=state), words=text))


@modest
@given(drafts, lines)
def test_every_line_and_every_view_of_a_draft_is_one_that_slack_takes(draft: Draft, text: tuple[Line, ...]) -> None:
    inert(blocks.line(draft, words=text))
    told = Difference(
        added=draft.to,
        dropped=draft.cc,
        first=draft.to,
        inside=draft.bcc,
        alike=tuple((one, "x" * 99) for one in draft.to),
    )
    view = modals.leaving(draft, sender=Address(name="Shop", email="s@example.com"), words=text, difference=told)
    assert check_view(view) == []
    assert not any("<!channel" in text for text in mrkdwn(view["blocks"]))


@modest
@given(people, people, words, files)
def test_every_compose_modal_is_one_that_slack_takes(
    to: tuple[Address, ...], cc: tuple[Address, ...], subject: str, found: tuple[StoredFile, ...]
) -> None:
    kept = tuple(
        Kept(
            file=DraftFile(
                filename=one.filename, content_type="image/png", size=one.size, mail_id=MailId(1), position=position
            ),
            checked=True,
        )
        for position, one in enumerate(found)
    )
    carried = Carried(
        draft=DraftId("0123456789abcdef"),
        kind=DraftKind.FORWARD,
        channel=ChannelId("C1"),
        mailbox=MailboxName("support"),
        number=Number(10**9),
        seen=MailId(10**9),
        opened=AT,
        asked=tuple(map(sign, (*to, *cc) * 200)),
        said=(ChannelId("C1"), Ts("1700000000.000001")),
    )
    folders = [subject.strip()[:60], "Shipping", ""]
    form = Form(
        carried=carried,
        to=compose.typed(to),
        cc=compose.typed(cc),
        subject=subject,
        quote=True,
        originals=kept,
        mailboxes=((MailboxName("support"), "support <s@example.com>"),),
        templates=tuple(
            Template(name=f"{number}", text="x", folder=folders[number % 3], language="ko") for number in range(400)
        ),
        template="1",
    )
    assert check_view(compose.compose(form)) == []
    news = [News(at=AT, words=subject, who=one) for one in to] + [News(at=AT, words=subject, by=UserId("U1"))]
    told = compose.asked_again(news, [(one, subject) for one in cc])
    again = form.asking(told, carried=carried).telling(compose.also_writing([UserId("U1"), UserId("U2")]))
    view = compose.compose(again)
    assert check_view(view) == []
    assert not any("<!channel" in text for text in mrkdwn(view["blocks"]))
    assert Carried.unpacked(view["private_metadata"]).draft == carried.draft


@modest
@given(conversations, stored, st.binary(max_size=3000), drafts)
def test_every_full_text_original_and_home_is_a_view_that_slack_takes(
    conversation: Conversation, mail: StoredMessage, raw: bytes, draft: Draft
) -> None:
    assert check_view(reading.full(conversation, mail)) == []
    assert check_view(reading.original(conversation, raw * 30, way=mail.direction)) == []
    brief = Brief(conversation=conversation, who=mail.message.author.name, since=mail.received)
    board = home.Board(
        user=UserId("U0MINA0001"),
        at=AT,
        workspace="https://fernhill.slack.com/",
        mine=[brief] * 40,
        mine_total=40,
        unowned=[brief] * 40,
        unowned_total=40,
        waiting=[brief] * 40,
        longest=mail.received,
        overdue=40,
        troubled=[],
        proposed=[(draft, conversation)] * 40,
        proposed_total=40,
        mailboxes=[home.MailboxState(name=conversation.mailbox, open=3, trouble=conversation.trouble)] * 40,
        signature=mail.message.text,
        reminders=True,
    )
    template = Template(name=mail.message.subject, text=mail.message.text)
    everybody = Named(users=frozenset(UserId(f"U{number:09}") for number in range(200)))
    shown = home.home(board, setup=setup.home([template] * 3, everybody))
    assert check_view(shown) == []
    assert len(shown["blocks"]) <= 100
    hit = Hit(
        conversation=conversation,
        mail_id=mail.id,
        direction=mail.direction,
        who=mail.message.author.email,
        at=mail.received,
        around=(mail.message.text[:70], mail.message.subject, mail.message.text[70:240]),
    )
    found = Found(hits=(hit,) * PAGE, total=25, page=2, more=True)
    assert check_view(results.modal(found, mail.message.subject, workspace="")) == []


def test_a_long_text_goes_on_in_a_file_and_says_so() -> None:
    long = Reading(new=tuple(Line.of("All work and no play makes a dull mail. " * 5) for _ in range(200)))
    mail = StoredMessage(
        id=MailId(1),
        mailbox=MailboxName("support"),
        number=Number(1),
        direction=Direction.IN,
        message=Message(from_=(Address(email="a@example.com"),)),
        reading=long,
        files=(),
        raw_id=1,
        received=AT,
        thread_ts=None,
        shared=False,
        quarantined=False,
        readings=1,
    )
    assert "goes on in the file" in str(blocks.mail(mail).blocks)
