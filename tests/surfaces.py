"""Every message and view that the bridge makes, of conversations drawn from a seed: what proofs about limits stand on."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.canned import Template
from bridge.lookup import PAGE, Found, Hit
from bridge.model import (
    Act,
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
    Folder,
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
    TemplateId,
    Ts,
    UserId,
)
from bridge.routing.matching import Rule, When
from bridge.slack import (
    blocks,
    canned,
    compose,
    digest,
    home,
    labels,
    mending,
    modals,
    notices,
    parting,
    proposed,
    reading,
    results,
    ruling,
    setup,
)
from bridge.slack.card import Busy, card, earlier_thread, moved, pointer
from bridge.slack.commands import help_text
from bridge.slack.forms import Carried, Form, Kept
from bridge.slack.ruling import Shown
from bridge.templates import Values

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINA = UserId("U0MINA0001")
WORKSPACE = "https://example.slack.com/"
LINK = "https://example.slack.com/archives/C0SUPPORT1/p1700000000000100"
HARD = (
    "", " ", "\n\n", "<!channel>", "<@U0MINA0001>", "&lt;&amp;", "*_~`", "`" * 50, "```", "> quoted", "\u202egnp.exe",
    "가" * 900, "x" * 5000, "👩‍👩‍👧‍👦" * 200, "\x00\x07", "<http://evil.example|https://bank.example>", "a\tb", ":eyes:" * 80,
    "日本語のメール " * 60, "line\n" * 400, "http://example.com/" + "y" * 3000, "'\"<>&" * 300,
)  # fmt: skip
WORDS = ("order", "invoice", "refund", "Friday", "please", "thanks", "the", "a", "bag", "커피", "заказ", "Überweisung")

STATUS = (
    {"name": "support", "state": "watched", "reason": None, "last_heard": AT.isoformat()},
    {"name": "sales", "state": "watched elsewhere", "reason": None, "last_heard": None},
)

RARELY = 0.05
"""The share of conversations for which lists of many are drawn too: they hold a dozen to forty conversations each."""

Made = tuple[str, dict[str, Any]]


class Draw:
    """One generated conversation, with everything that can hang on it."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def words(self) -> str:
        if self.dice.random() < 0.25:
            return self.dice.choice(HARD)
        return " ".join(self.dice.choices(WORDS, k=self.dice.choice((1, 3, 8, 60))))

    def address(self) -> Address:
        plain = f"{self.dice.choice(WORDS)}@example.com"
        return Address(name=self.words(), email=plain if self.dice.random() < 0.8 else self.words())

    def people(self) -> tuple[Address, ...]:
        return tuple(self.address() for _ in range(self.dice.choice((0, 1, 1, 2, 14))))

    def lines(self) -> tuple[Line, ...]:
        return tuple(self._line() for _ in range(self.dice.choice((0, 1, 1, 2, 3, 5, 8, 60))))

    def _line(self) -> Line:
        flip = self.dice.random
        spans = tuple(
            Span(text=self.words(), bold=flip() < 0.2, italic=flip() < 0.2, code=flip() < 0.1)
            for _ in range(self.dice.choice((0, 1, 2)))
        )
        return Line(spans=spans, quote=self.dice.choice((0, 0, 0, 1, 4)), pre=flip() < 0.1, heading=flip() < 0.05)

    def files(self) -> tuple[StoredFile, ...]:
        return tuple(
            StoredFile(
                position=position,
                filename=self.words(),
                content_type="image/png",
                size=self.dice.choice((0, 999, 40_000, 10**9)),
                inline=self.dice.random() < 0.2,
            )
            for position in range(self.dice.choice((0, 0, 1, 3, 30)))
        )

    def mail(self) -> StoredMessage:
        bounce = (
            Bounce(status="5.1.1", recipient=self.words(), reason=self.words()) if self.dice.random() < 0.1 else None
        )
        message = Message(
            from_=self.people(),
            to=self.people(),
            cc=self.people(),
            subject=self.words(),
            automatic=self.dice.choice(list(Automatic)),
            bounce=bounce,
            notes=tuple(self.words() for _ in range(self.dice.choice((0, 0, 1, 5)))),
        )
        return StoredMessage(
            id=MailId(self.dice.randrange(1, 10**9)),
            mailbox=MailboxName("support"),
            number=Number(1),
            direction=self.dice.choice(list(Direction)),
            message=message,
            reading=Reading(new=self.lines(), folded=self.lines()),
            files=self.files(),
            raw_id=1,
            received=AT - timedelta(hours=self.dice.randrange(1000)),
            thread_ts=None,
            shared=False,
            quarantined=self.dice.random() < 0.1,
            readings=1,
            folder=self.dice.choice(list(Folder)),
            seen=self.dice.random() < 0.5,
            flagged=self.dice.random() < 0.2,
            elsewhere=self.dice.random() < 0.1,
        )

    def conversation(self) -> Conversation:
        return Conversation(
            number=Number(self.dice.randrange(1, 10**9)),
            mailbox=MailboxName("support"),
            channel=ChannelId("C0SUPPORT1"),
            subject=self.words(),
            status=self.dice.choice(list(Status)),
            owner=self.dice.choice((None, MINA, UserId("cli:root"))),
            card_ts=None,
            version=1,
            created=AT,
            updated=AT,
            trouble=self.words() if self.dice.random() < 0.2 else "",
            wakes=self.dice.choice((None, AT)),
            due=self.dice.choice((None, AT, AT + timedelta(hours=1))),
        )

    def draft(self) -> Draft:
        rich = {"type": "rich_text", "elements": []}
        uploads = tuple(
            DraftFile(filename=self.words(), content_type="image/png", size=10**6, slack_id=FileId("F1"))
            for _ in range(self.dice.choice((0, 1, 12)))
        )
        return Draft(
            id=DraftId("0123456789abcdef"),
            kind=self.dice.choice(list(DraftKind)),
            state=self.dice.choice([one for one in DraftState if one not in proposed.STATES]),
            mailbox=MailboxName("support"),
            number=Number(1),
            answers=None,
            author=MINA,
            author_name=self.words(),
            to=self.people(),
            cc=self.people(),
            bcc=self.people(),
            subject=self.words(),
            rich_text=rich,
            html=self.words() if self.dice.random() < 0.2 else "",
            files=uploads,
            message_id="<a@b>",
            due=AT,
            created=AT,
            reason=self.words(),
            outcome=tuple((self.words(), self.words()) for _ in range(self.dice.choice((0, 1, 12)))),
        )

    def form(self) -> Form:
        kept = tuple(
            Kept(
                file=DraftFile(
                    filename=one.filename, content_type="image/png", size=one.size, mail_id=MailId(1), position=at
                ),
                checked=self.dice.random() < 0.5,
            )
            for at, one in enumerate(self.files())
        )
        carried = Carried(
            draft=DraftId("0123456789abcdef"),
            kind=self.dice.choice(list(DraftKind)),
            channel=ChannelId("C0SUPPORT1"),
            mailbox=MailboxName("support"),
            number=Number(10**9),
            seen=MailId(10**9),
            opened=AT,
        )
        return Form(
            carried=carried,
            to=compose.typed(self.people()),
            cc=compose.typed(self.people()),
            subject=self.words(),
            quote=True,
            originals=kept,
            mailboxes=((MailboxName("support"), "support <s@example.com>"),),
            templates=tuple(self.templates()) if self.dice.random() < RARELY else (),
            languages=frozenset({"ko"}),
        )

    def board(self) -> home.Board:
        briefs = [Brief(conversation=self.conversation(), who=self.words(), since=AT) for _ in range(10)]
        states = [home.MailboxState(name=MailboxName("support"), open=3, trouble=self.words()) for _ in range(20)]
        return home.Board(
            user=MINA,
            at=AT,
            workspace=WORKSPACE,
            mine=briefs,
            mine_total=40,
            unowned=briefs,
            unowned_total=40,
            waiting=briefs,
            longest=AT,
            overdue=40,
            troubled=[replace(self.draft(), state=DraftState.FAILED) for _ in range(5)],
            proposed=[
                (replace(self.draft(), state=state, note=self.words()), self.conversation())
                for state in (DraftState.SUGGESTED, DraftState.PROPOSED) * 3
            ],
            proposed_total=40,
            mailboxes=states,
            signature=self.words(),
            reminders=True,
        )

    def template(self, number: int) -> Template:
        return Template(
            name=self.words()[:60].strip() or "x",
            text=self.words(),
            subject=self.words()[:250],
            language=self.dice.choice(("", "ko", "de", "Klingon", "x" * 40)),
            folder=self.dice.choice(("", "Care", self.words()[:60].strip())),
            id=TemplateId(number) if self.dice.random() < 0.7 else None,
            revision=1,
            uses=self.dice.choice((0, 1, 10**6)),
        )

    def templates(self) -> list[Template]:
        return [self.template(number) for number in range(1, self.dice.choice((1, 2, 60, 130, 300)) + 1)]

    def named(self) -> Named:
        people = [UserId(f"U0PERSON{number:03}") for number in range(self.dice.choice((0, 1, 100)))]
        return Named(users=frozenset(people), admins=frozenset(people[:50]))

    def found(self) -> Found:
        hits = tuple(
            Hit(
                conversation=self.conversation(),
                mail_id=MailId(1),
                direction=Direction.IN,
                who=self.words(),
                at=AT,
                around=(self.words()[:70], self.words()[:70], self.words()[:170]),
            )
            for _ in range(PAGE)
        )
        return Found(hits=hits, total=25, page=2, more=True)


def messages(dice: random.Random) -> Iterator[Made]:
    """The messages that one generated conversation comes to: a name, and what is posted."""
    draw = Draw(dice)
    found, mails = draw.conversation(), [draw.mail() for _ in range(dice.choice((1, 1, 2, 5)))]
    busy = Busy(writing=(MINA,) * dice.choice((0, 1, 9)), waiting=(draw.draft(),) * dice.choice((0, 1, 9)))
    surfaces = {
        "card": card(found, mails, mailbox="support", busy=busy, earlier=dice.choice((None, 0, 400))),
        "pointer": pointer(found, link=LINK),
        "moved": moved(found, link=LINK),
        "earlier": earlier_thread(found, link=LINK),
        "mail": blocks.mail(mails[0]),
        "line": blocks.line(draw.draft(), words=draw.lines()),
        "proposed": proposed.line(
            replace(draw.draft(), state=draw.dice.choice(list(proposed.STATES))), words=draw.lines()
        ),
        "alarm": mending.alarm("support", reason=draw.words()),
        "loop": notices.loop(str(1), draw.address().email, mailbox="support"),
    }
    if dice.random() < RARELY:
        listed = [(draw.conversation(), draw.address()) for _ in range(digest.IN_MESSAGE)]
        surfaces["digest"] = digest.message(1, listed, every=dice.choice((0, 5, 500)), left=dice.choice((0, 5, 400)))
        yield "log", reading.log(found, [Act(at=AT, actor=MINA, verb="claim", detail=draw.words()) for _ in range(30)])
        yield "listing", reading.listing(draw.words(), [draw.conversation() for _ in range(20)], at=AT)
        yield "answer", results.answer(draw.found(), draw.words(), workspace=WORKSPACE)
        yield "status", reading.status(STATUS, waiting=2, parked=9, reasons=[draw.words() for _ in range(9)])
        yield "help", reading.sentence(help_text())
    for name, surface in surfaces.items():
        yield name, {"text": surface.text, "blocks": surface.blocks}
        yield f"bare {name}", {"text": surface.bare().text, "blocks": surface.bare().blocks}


def views(dice: random.Random) -> Iterator[Made]:
    """The views that it comes to."""
    draw = Draw(dice)
    found, mail = draw.conversation(), draw.mail()
    raw = "\n".join(draw.words() for _ in range(5)).encode()
    yield "compose", compose.compose(draw.form())
    yield "leaving", modals.leaving(draw.draft(), sender=draw.address(), words=draw.lines())
    yield "full text", reading.full(found, mail)
    yield "original", reading.original(found, raw, way=dice.choice(list(Direction)))
    yield "delete", modals.confirm_delete(found, mails=dice.choice((1, 40)))
    yield "snooze", modals.snooze(found)
    yield "move", modals.move(found)
    yield (
        "labels",
        labels.window(
            found, [Act(at=AT, actor=MINA, verb="claim", detail=draw.words()) for _ in range(dice.choice((0, 30)))]
        ),
    )
    yield "split", parting.split(found, [mail, *(draw.mail() for _ in range(dice.choice((1, 5))))])
    yield "settings", home.settings(signature=draw.words()[:2000], reminders=True)
    yield "notice", modals.notice(draw.words() or "Fernhill", draw.words() or "A sentence.")
    if dice.random() < RARELY:
        rows = [(draw.conversation(), draw.address(), dice.random() < 0.5) for _ in range(digest.IN_WINDOW)]
        yield "digest", digest.window(1, rows, every=500, page=dice.choice((0, 3, 24)), told=draw.words())
        yield "home", home.home(draw.board(), setup=setup.home(draw.templates(), draw.named()))
        rule = Shown(rule=Rule(name=draw.words()[:60], when=When(subject=(draw.words()[:60],))), id=1, is_on=False)
        seen = {one.number: one for one in (replace(draw.conversation(), card_ts=Ts("1.2")) for _ in range(15))}
        yield "rules", ruling.window([rule] * 40)
        yield "trial", ruling.trial(rule, list(seen), of=500, unknown=3, known=seen, workspace=WORKSPACE)
        yield "templates", canned.window(draw.templates(), page=dice.choice((0, 1, 9)))
        yield "template", canned.form(dice.choice((None, draw.template(1))))
        yield "agents", setup.agents(draw.named(), operators=draw.named())
        log = [Act(at=AT, actor=MINA, verb="template changed", detail=draw.words()) for _ in range(30)]
        yield "desk log", setup.log(log)
        yield "remove", canned.confirm_remove(draw.template(1))
        values = Values(number=Number(1042), subject=draw.words(), sender=draw.address(), mailbox=draw.address())
        yield "preview", canned.preview(draw.template(1), values)
        yield "found", results.modal(draw.found(), draw.words(), workspace=WORKSPACE)
        yield "closed home", home.closed("You cannot see this.")
