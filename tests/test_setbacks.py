"""A mail that cannot be kept, whatever the reason, does not hold up those behind it; and its bytes are not lost."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select, text
from test_batches import BOX, Desk, mail

from bridge.errors import Temporary
from bridge.instep import InStep
from bridge.mail.maildir import Maildir
from bridge.mail.maildirsource import LocalSource
from bridge.mail.parse import parse
from bridge.mail.sent import LocalSent
from bridge.mail.smtpsession import Server
from bridge.metrics import Metrics
from bridge.model import Arrival, Batch, Cursor, MailId, Message
from bridge.post import Post
from bridge.reception import Reception
from bridge.setbacks import AGAIN
from bridge.store import conversations, mails, personal, raws
from bridge.store.database import Store
from bridge.store.schema import arrivals

SENT = mails.SENT

REFUSES = {
    "sqlite": """CREATE TRIGGER refuses BEFORE INSERT ON messages WHEN NEW.subject = 'poison'
        BEGIN SELECT RAISE(ABORT, 'no'); END""",
    "postgresql": """CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN
        IF NEW.subject = 'poison' THEN RAISE 'no' USING ERRCODE = '25P03'; END IF; RETURN NEW; END $$ LANGUAGE plpgsql;
        CREATE TRIGGER refuses BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION refuse()""",
}
"""A database that cannot keep one mail. PostgreSQL says so as it does of a transaction that took too long: for now."""


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


async def refuse_poison(store: Store) -> None:
    async with store.write() as conn:
        for one in REFUSES[conn.dialect.name].split(";\n        CREATE"):
            await conn.execute(text(one if one.startswith("CREATE") else f"CREATE{one}"))


async def states(store: Store) -> list[str]:
    async with store.read() as conn:
        return list((await conn.execute(select(arrivals.c.state).order_by(arrivals.c.uid))).scalars())


async def tries(work: object, *, most: int = AGAIN + 1) -> int:
    """As a watch does: again, as long as it fails for the time being; how often it failed."""
    for failed in range(most):
        try:
            await work()  # type: ignore[operator]
        except Temporary:
            continue
        return failed
    raise AssertionError("it is tried for ever")


async def test_a_mail_that_fails_again_and_again_is_set_aside_and_those_behind_it_come_in(desk: Desk) -> None:
    await refuse_poison(desk.store)
    came = (mail("a"), mail("poison"), mail("b", answers="a"))
    arrived = tuple(Arrival(uidvalidity=7, uid=uid, size=len(raw), raw=raw) for uid, raw in enumerate(came, 1))
    batch = Batch(cursor=Cursor(uidvalidity=7, uidnext=4), arrivals=arrived)
    await tries(lambda: desk.reception.receive(BOX, batch))
    assert await states(desk.store) == ["taken", "quarantined", "taken"]
    assert await desk.threads() == [["a", "b"], ["(unreadable mail)"]]
    aside = (await desk.matters())[1][0]
    async with desk.store.write() as conn:
        assert await raws.load(conn, aside.raw_id or 0) == mail("poison")
        assert await mails.cursor(conn, BOX.name) == batch.cursor
    await desk.reception.replay(MailId(aside.id))
    assert await desk.threads() == [["a", "b"], ["poison"]]


async def test_a_database_that_is_away_sets_nothing_aside(postgresql_url: str) -> None:
    store = await Store.open(postgresql_url)
    desk = Desk(store)
    async with store.write() as conn:
        await conn.execute(
            text(REFUSES["postgresql"].partition(";\n        CREATE")[0].replace("NEW.subject = 'poison'", "true"))
        )
        await conn.execute(
            text("CREATE TRIGGER refuses BEFORE INSERT OR UPDATE ON mailboxes FOR EACH ROW EXECUTE FUNCTION refuse()")
        )
    arrived = Arrival(uidvalidity=7, uid=1, size=3, raw=mail("a"))
    batch = Batch(cursor=Cursor(uidvalidity=7, uidnext=2), arrivals=(arrived,))
    for _ in range(AGAIN + 3):
        with pytest.raises(Temporary):
            await desk.reception.receive(BOX, batch)
    assert await states(store) == []
    await store.close()


async def test_a_text_of_very_many_lines_is_kept(postgresql_url: str) -> None:
    """To write it out takes longer than PostgreSQL lets a transaction be silent."""
    store = await Store.open(postgresql_url)
    desk = Desk(store)
    await desk.takes(mail("long").replace(b"About long.", b"a\n" * 400_000), mail("behind it"))
    assert await states(store) == ["taken", "taken"]
    await store.close()


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    maildir = Maildir(tmp_path / "mail")
    source = LocalSource(maildir, max_bytes=1 << 20)
    smtp = Server(host="127.0.0.1", port=1, security="none")
    made = Post(name=BOX.name, source=source, smtp=smtp, sent=LocalSent(source), maildir=maildir)
    yield made
    await made.close()


async def test_an_answer_of_another_client_that_cannot_be_kept_does_not_hold_up_the_next(
    desk: Desk, post: Post
) -> None:
    await desk.takes(mail("a"))
    await refuse_poison(desk.store)
    in_step = InStep(desk.store, posts={BOX.name: post}, mailboxes={BOX.name: BOX}, keys=[b"k" * 32])
    sent = (mail("poison", answers="a", author="help@acme.example"), mail("b", answers="a", author="help@acme.example"))
    arrived = tuple(Arrival(uidvalidity=9, uid=uid, size=len(raw), raw=raw) for uid, raw in enumerate(sent, 1))
    batch = Batch(cursor=Cursor(uidvalidity=9, uidnext=3), arrivals=arrived)
    await tries(lambda: in_step.take_sent(post, batch))
    assert await desk.threads() == [["a", "(unreadable mail)", "b"]]
    aside = (await desk.matters())[0][1]
    assert aside.quarantined
    async with desk.store.read() as conn:
        assert await mails.cursor(conn, BOX.name, folder=SENT) == batch.cursor
        assert await raws.load(conn, aside.raw_id or 0) == sent[0]
    await desk.reception.replay(MailId(aside.id))
    assert await desk.threads() == [["a", "poison", "b"]]
    async with desk.store.read() as conn:
        matter = await conversations.get(conn, aside.number)
    assert matter
    assert matter.subject == "a"


async def test_mails_that_the_server_will_not_hand_over_are_each_told_of(desk: Desk) -> None:
    arrived = tuple(Arrival(uidvalidity=7, uid=uid, size=0, raw=None) for uid in (1, 2))
    await desk.reception.receive(BOX, Batch(cursor=Cursor(uidvalidity=7, uidnext=3), arrivals=arrived))
    assert await states(desk.store) == ["oversize", "oversize"]
    told = [one.message.notes for [one] in await desk.matters()]
    assert told == [("The mail server does not hand this mail over: open it in the mailbox.",)] * 2


def spoilt(raw: bytes, **more: object) -> Message:
    if b"bad one" in raw:
        raise ValueError
    return parse(raw, **more)  # type: ignore[arg-type]


async def test_a_mail_that_was_read_again_is_known_when_it_turns_up_again(desk: Desk) -> None:
    mended, desk.reception = desk.reception, Reception(desk.store, keys=[b"k"], metrics=Metrics(), parse_mail=spoilt)
    bad = mail("bad one")
    await desk.takes(bad)
    [[aside]] = await desk.matters()
    await mended.replay(aside.id)
    await desk.takes(bad)  # by the reader that cannot
    desk.reception = mended
    await desk.takes(bad)
    assert await states(desk.store) == ["taken", "known", "known"]
    assert await desk.threads() == [["bad one"]]
    async with desk.store.write() as conn:
        await personal.take_out(conn, [aside.id])
    await desk.takes(bad)
    desk.reception = Reception(desk.store, keys=[b"k"], metrics=Metrics(), parse_mail=spoilt)
    await desk.takes(bad)
    assert (await states(desk.store))[-2:] == ["erased", "erased"]


async def test_a_mail_that_is_there_twice_already_can_be_read_again(desk: Desk) -> None:
    mended, desk.reception = desk.reception, Reception(desk.store, keys=[b"k"], metrics=Metrics(), parse_mail=spoilt)
    await desk.takes(mail("bad one"))
    [[aside]] = await desk.matters()
    desk.reception = mended
    await desk.takes(mail("bad one"))
    await mended.replay(aside.id)
    assert await desk.threads() == [["bad one"], ["bad one"]]
