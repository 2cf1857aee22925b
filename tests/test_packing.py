"""What goes into a column comes out the same."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import Address, Authenticity, Automatic, Bounce, Invitation, Line, Message, Reading, Span
from bridge.store.packing import clean, pack_message, pack_reading, unpack_message, unpack_reading

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
people = st.lists(st.builds(Address, name=words, email=words), max_size=3).map(tuple)
spans = st.builds(
    Span,
    text=words,
    bold=st.booleans(),
    italic=st.booleans(),
    strike=st.booleans(),
    code=st.booleans(),
    href=words,
)
lines = st.lists(
    st.builds(
        Line,
        spans=st.lists(spans, max_size=3).map(tuple),
        quote=st.integers(0, 3),
        indent=st.integers(0, 3),
        marker=st.sampled_from(["", "•", "1."]),
        pre=st.booleans(),
        heading=st.booleans(),
    ),
    max_size=4,
).map(tuple)
ids = st.lists(words, max_size=3).map(tuple)
times = st.none() | st.just(datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC))
invitations = st.builds(
    Invitation,
    method=words,
    uid=words,
    summary=words,
    location=words,
    start=times,
    end=times,
    zone=words,
    whole_days=st.booleans(),
    repeats=st.booleans(),
    organizer=st.none() | st.builds(Address, name=words, email=words),
    attendees=people,
    answer=words,
)
signs = st.builds(
    Authenticity, server=words, spf=words, dkim=words, dmarc=words, signers=ids, reply_to=words, risky=ids
)


@settings(max_examples=100, deadline=None)
@given(st.builds(Reading, new=lines, folded=lines))
def test_a_reading_comes_back_as_it_was(reading: Reading) -> None:
    assert unpack_reading(pack_reading(reading)) == reading


@settings(max_examples=100, deadline=None)
@given(
    st.builds(
        Message,
        message_id=words,
        subject=words,
        text=words,
        from_=people,
        sender=people,
        reply_to=people,
        to=people,
        cc=people,
        bcc=people,
        in_reply_to=ids,
        references=ids,
        date=times,
        automatic=st.sampled_from(Automatic),
        bounce=st.none() | st.builds(Bounce, status=words, recipient=words, about=words, reason=words),
        thread_index=st.sampled_from(["", "01" * 22]),
        invitation=st.none() | invitations,
        authenticity=st.none() | signs,
        notes=ids,
    )
)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    packed = pack_message(message)
    again = unpack_message(packed, message_id=message.message_id, subject=message.subject, text=message.text)
    assert again == message


def test_text_that_no_database_takes_is_made_one_that_it_takes() -> None:
    assert clean("a\x00b\ud800c") == "ab?c"
