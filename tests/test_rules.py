"""Pure decisions: which conversation a mail joins, who gets the answer, whose turn it is."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bridge import rules
from bridge.model import (
    Address,
    Automatic,
    Bounce,
    Direction,
    DraftKind,
    Joined,
    MailboxName,
    MailId,
    Message,
    Number,
    Reading,
    Status,
    StoredMessage,
)

OWN = frozenset({"support@shop.example"})
DANA = Address(name="Dana", email="dana@example.com")
BEN = Address(email="ben@example.org")
US = Address(name="Shop", email="Support@shop.example")


def stored(message: Message, *, direction: Direction = Direction.IN, mail_id: int = 1) -> StoredMessage:
    return StoredMessage(
        id=MailId(mail_id),
        mailbox=MailboxName("support"),
        number=Number(1),
        direction=direction,
        message=message,
        reading=Reading(),
        files=(),
        raw_id=1,
        received=datetime(2026, 1, 2, tzinfo=UTC),
        thread_ts=None,
        shared=False,
        quarantined=False,
        readings=1,
    )


def raw(body: str, *, trace: str = "") -> bytes:
    return f"{trace}Message-ID: <a@x>\r\nFrom: dana@example.com\r\nSubject: Hi\r\n\r\n{body}".encode()


A_MAIL = Message(message_id="<a@x>", from_=(DANA,), subject="Hi")


def test_a_mail_that_is_handed_over_twice_is_the_same_mail() -> None:
    again = raw("hello", trace="Received: from b by c; Thu, 1 Jan 2026 00:00:00 +0000\r\n")
    assert rules.digest(raw("hello"), A_MAIL) == rules.digest(again, A_MAIL)


def test_two_mails_that_share_a_message_id_but_not_a_body_are_two_mails() -> None:
    assert rules.digest(raw("hello"), A_MAIL) != rules.digest(raw("other"), A_MAIL)


def test_without_a_message_id_every_byte_counts() -> None:
    nameless = replace(A_MAIL, message_id="")
    assert rules.digest(b"Subject: form\n\nhi", nameless) != rules.digest(b"Received: x\nSubject: form\n\nhi", nameless)


def join(number: int, why: Joined, by: str) -> rules.Join:
    return rules.Join(number=Number(number), why=why, by=by)


def test_in_reply_to_wins_over_references_and_the_newest_reference_over_older_ones() -> None:
    answer = Message(in_reply_to=("<2@x>",), references=("<1@x>", "<3@x>"))
    known = {"<1@x>": Number(1), "<2@x>": Number(2), "<3@x>": Number(3)}
    assert rules.joins(answer, known=known) == join(2, Joined.IN_REPLY_TO, "<2@x>")
    assert rules.joins(replace(answer, in_reply_to=()), known=known) == join(3, Joined.REFERENCES, "<3@x>")


def test_our_own_signature_wins_over_everything() -> None:
    answer = Message(in_reply_to=("<2@x>",), references=("<own@us>",))
    joined = rules.joins(answer, known={"<2@x>": Number(2)}, signed={"<own@us>": Number(7)})
    assert joined == join(7, Joined.SIGNED, "<own@us>")


def test_what_was_split_off_keeps_its_own_answers_though_they_name_our_mails_in_the_old_conversation() -> None:
    answer = Message(in_reply_to=("<2@x>",), references=("<own@us>",))
    known, signed = {"<2@x>": Number(9)}, {"<own@us>": Number(7)}
    chain = {Number(9): Number(8), Number(8): Number(7)}
    assert rules.joins(answer, known=known, signed=signed, split_from=chain) == join(9, Joined.IN_REPLY_TO, "<2@x>")
    stranger = {Number(9): Number(6)}
    assert rules.joins(answer, known=known, signed=signed, split_from=stranger) == join(7, Joined.SIGNED, "<own@us>")


def test_any_common_reference_joins_even_to_a_mail_that_was_never_seen() -> None:
    """zammad#5716: what counts is that both speak of the same mail."""
    joined = rules.joins(Message(references=("<never-seen@x>",)), known={"<never-seen@x>": Number(4)})
    assert joined == join(4, Joined.REFERENCES, "<never-seen@x>")


def test_an_answer_that_overtook_the_mail_it_answers_is_joined_by_it() -> None:
    joined = rules.joins(Message(message_id="<first@x>"), known={"<first@x>": Number(9)})
    assert joined == join(9, Joined.OVERTAKEN, "<first@x>")


def test_a_subject_joins_nothing() -> None:
    """zammad#5064: a stranger who writes a number into the subject must not see another customer's conversation."""
    assert rules.joins(Message(subject="Re: [#1] Hi"), known={"<1@x>": Number(1)}) is None


def test_outlooks_thread_index_joins_where_no_other_id_does() -> None:
    """Outlook and Exchange drop References on some ways, but keep this."""
    answer = Message(thread_index="01" * 22, references=("<1@x>",))
    (key,) = rules.outlook_thread(answer)
    assert rules.joins(answer, known={key: Number(3)}) == join(3, Joined.THREAD_INDEX, key)
    joined = rules.joins(answer, known={key: Number(3), "<1@x>": Number(4)})
    assert joined == join(4, Joined.REFERENCES, "<1@x>")
    assert rules.outlook_thread(Message()) == []


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ("Re: [#1042] Your order", 1042),
        ("AW: [Acme #7] Rechnung", 7),
        ("Re: Order #1042", None),
        ("Invoice [2025-03]", None),
        ("[#0] zero", None),
        ("[#123456789012] long", None),
        ("", None),
    ],
)
def test_a_number_counts_only_in_brackets(subject: str, number: int | None) -> None:
    """A bare number is an order or an invoice."""
    assert rules.numbered(subject) == number


def test_who_wrote_or_was_written_to_takes_part() -> None:
    mail = stored(Message(from_=(Address(email="Anna@x.example"),), cc=(Address(email="bob@x.example"),)))
    assert rules.takes_part(Address(email="anna@X.example"), [mail])
    assert rules.takes_part(Address(email="bob@x.example"), [mail])
    assert not rules.takes_part(Address(email="eve@x.example"), [mail])
    assert not rules.takes_part(Address(email=""), [stored(Message(from_=(Address(email=""),)))])
    assert rules.takes_part(DANA, [replace(mail, written_by=DANA)])


def test_a_bounce_belongs_to_the_mail_it_speaks_of() -> None:
    bounce = Message(automatic=Automatic.BOUNCE, bounce=Bounce(about="<sent@us>"))
    assert rules.joins(bounce, known={"<sent@us>": Number(5)}) == join(5, Joined.IN_REPLY_TO, "<sent@us>")


@pytest.mark.parametrize("status", list(Status))
def test_a_persons_mail_opens_a_conversation_and_an_automatic_one_leaves_it(status: Status) -> None:
    assert rules.status_after_mail(status, Message()) is Status.OPEN
    assert rules.status_after_mail(status, Message(automatic=Automatic.REPLY)) is status
    assert rules.status_after_mail(status, Message(automatic=Automatic.BOUNCE)) is Status.OPEN


def test_a_reply_goes_to_reply_to_and_only_there() -> None:
    mail = stored(Message(from_=(DANA,), reply_to=(BEN,), to=(US,), cc=(Address(email="eve@example.net"),)))
    assert rules.recipients(DraftKind.REPLY, mail, own=OWN) == rules.Recipients(to=(BEN,))


def test_reply_all_loses_nobody_and_writes_to_nobody_twice_nor_to_ourselves() -> None:
    """chatwoot#8925: extra To people fall off; chatwoot/utils#69: somebody is added."""
    eve, fay = Address(email="eve@example.net"), Address(email="fay@example.net")
    mail = stored(Message(from_=(DANA,), to=(US, eve), cc=(fay, Address(email="DANA@example.com"), US)))
    assert rules.recipients(DraftKind.REPLY_ALL, mail, own=OWN) == rules.Recipients(to=(DANA, eve), cc=(fay,))


def test_an_answer_to_our_own_mail_goes_to_those_it_went_to() -> None:
    mail = stored(Message(from_=(US,), to=(DANA,), cc=(BEN,)), direction=Direction.OUT)
    assert rules.recipients(DraftKind.REPLY, mail, own=OWN).to == (DANA,)
    assert rules.recipients(DraftKind.REPLY_ALL, mail, own=OWN) == rules.Recipients(to=(DANA,), cc=(BEN,))


def test_an_answer_to_what_a_teammate_passed_on_goes_to_the_customer_who_wrote_it() -> None:
    """freescout#290, zammad#1596: nobody means to answer the colleague."""
    jonas = Address(name="Jonas", email="jonas@shop.example")
    mail = replace(stored(Message(from_=(jonas,), reply_to=(jonas,), to=(US, BEN))), written_by=DANA)
    assert rules.recipients(DraftKind.REPLY, mail, own=OWN) == rules.Recipients(to=(DANA,))
    assert rules.recipients(DraftKind.REPLY_ALL, mail, own=OWN) == rules.Recipients(to=(DANA, jonas, BEN))


def test_a_forward_goes_to_nobody_yet() -> None:
    assert rules.recipients(DraftKind.FORWARD, stored(Message(from_=(DANA,))), own=OWN) == rules.Recipients()


def test_what_is_answered_is_the_newest_mail_that_a_person_wrote() -> None:
    question = stored(Message(from_=(DANA,), subject="question"), mail_id=1)
    answer = stored(Message(from_=(US,)), direction=Direction.OUT, mail_id=2)
    vacation = stored(Message(from_=(DANA,), automatic=Automatic.REPLY), mail_id=3)
    assert rules.answered([question, answer, vacation]) == question
    assert rules.answered([answer, vacation]) == vacation
    assert rules.answered([answer]) == answer
    assert rules.answered([]) is None


def test_somebody_waits_since_the_first_mail_after_our_last_one() -> None:
    def at(day: int, direction: Direction = Direction.IN, automatic: Automatic = Automatic.NO) -> StoredMessage:
        answers = ("<1@example.com>",) if direction is Direction.OUT else ()
        mail = stored(
            Message(from_=(DANA,), automatic=automatic, in_reply_to=answers), direction=direction, mail_id=day
        )
        return replace(mail, received=datetime(2026, 1, day, tzinfo=UTC))

    asked, again, ours = at(1), at(2), at(3, Direction.OUT)
    assert rules.waits_since([asked, again]) == asked.received
    assert rules.waits_since([asked, again, ours]) is None
    passed_on = replace(ours, message=replace(ours.message, in_reply_to=()))
    assert rules.waits_since([asked, passed_on]) == asked.received, "who was passed on has no answer yet"
    assert rules.waits_since([asked, ours, at(4), at(5)]) == at(4).received
    assert rules.waits_since([asked, ours, at(4, automatic=Automatic.REPLY)]) is None
    assert rules.waits_since([asked, at(2, Direction.OUT, Automatic.REPLY)]) == asked.received  # an acknowledgement
