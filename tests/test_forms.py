"""Who is writing, what was typed and not sent, whom the desk has written to: as each database keeps it."""

import importlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete

from bridge.model import (
    Address,
    ChannelId,
    Draft,
    DraftId,
    DraftKind,
    DraftState,
    MailboxName,
    Number,
    Status,
    Ts,
    UserId,
)
from bridge.slack.forms import Carried, tells_words
from bridge.store import conversations, correspondents, drafts, forms, migrations, personal
from bridge.store import schema as tables
from bridge.store.database import Store

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOON = AT + timedelta(minutes=10)
MINA, JONAS = UserId("U0MINA"), UserId("U0JONAS")
ONE, TWO = DraftId("0000000000000001"), DraftId("0000000000000002")


async def begin(store: Store) -> Number:
    async with store.write() as conn:
        return await conversations.create(
            conn, mailbox=MailboxName("support"), channel=ChannelId("C1"), subject="Bags", status=Status.OPEN, at=AT
        )


def draft(number: Number, state: DraftState = DraftState.HELD, draft_id: DraftId = ONE) -> Draft:
    return Draft(
        id=draft_id,
        kind=DraftKind.NEW,
        state=state,
        mailbox=MailboxName("support"),
        number=number,
        answers=None,
        author=MINA,
        author_name="Mina",
        to=(Address(name="Dana", email="Dana@Example.com"),),
        bcc=(Address(email="eve@kestrel.example"),),
        subject="Bags",
        rich_text={"type": "rich_text", "elements": []},
        message_id=f"<{draft_id}@x>",
        due=AT,
        created=AT,
        closes=True,
        later=True,
        said=(ChannelId("C1"), Ts("1.2")),
    )


async def test_a_lease_counts_until_it_ends_lapses_or_runs_out(store: Store) -> None:
    number = await begin(store)
    async with store.write() as conn:
        await forms.begin(conn, ONE, number=number, author=JONAS, at=AT, until=SOON)
        await forms.begin(conn, TWO, number=number, author=MINA, at=AT + timedelta(seconds=1), until=SOON)
        assert await forms.writing(conn, number, at=AT) == [JONAS, MINA]
        assert await forms.writing(conn, number, at=SOON) == []
        assert await forms.end(conn, ONE)
        assert not await forms.end(conn, ONE)
        assert await forms.writing(conn, number, at=AT) == [MINA]
        assert await forms.lapse(conn, TWO)
        assert await forms.writing(conn, number, at=AT) == []


async def test_what_is_kept_is_its_authors_newest_and_no_lapse_takes_it(store: Store) -> None:
    number = await begin(store)
    async with store.write() as conn:
        await forms.keep(conn, ONE, {"to": "old"}, number=number, author=MINA, at=AT)
        await forms.keep(conn, TWO, {"to": "새"}, number=number, author=MINA, at=SOON)
        assert not await forms.lapse(conn, TWO)
        assert await forms.kept(conn, number=number, author=MINA) == ({"to": "새"}, SOON)
        assert await forms.kept(conn, number=number, author=JONAS) is None
        assert await forms.kept(conn, number=None, author=MINA) is None
        assert await forms.writing(conn, number, at=AT) == []
        await forms.forget(conn, number=number, author=MINA)
        assert await forms.kept(conn, number=number, author=MINA) is None


async def test_whom_the_desk_wrote_to_is_known_in_any_case(store: Store) -> None:
    async with store.write() as conn:
        await correspondents.written_to(conn, ["Dana@Example.com", "eve@kestrel.example"], at=AT)
        await correspondents.written_to(conn, ["dana@example.com"], at=SOON)
        assert await correspondents.known(conn, ["DANA@example.com", "ben@x.example"]) == {"dana@example.com"}
        assert sorted(await correspondents.domains(conn, limit=9)) == ["example.com", "kestrel.example"]


async def test_a_person_who_is_erased_is_in_no_form_and_was_never_written_to(store: Store) -> None:
    number = await begin(store)
    async with store.write() as conn:
        await correspondents.written_to(conn, ["dana@example.com", "eve@kestrel.example"], at=AT)
        await forms.keep(conn, ONE, {"to": "Dana <Dana@Example.com>"}, number=number, author=MINA, at=AT)
        await forms.keep(conn, TWO, {"to": "eve@kestrel.example"}, number=None, author=MINA, at=AT)
        await personal.forget_address(conn, "DANA@example.com")
        assert await correspondents.known(conn, ["dana@example.com", "eve@kestrel.example"]) == {"eve@kestrel.example"}
        assert await forms.kept(conn, number=number, author=MINA) is None
        assert await forms.kept(conn, number=None, author=MINA)


async def test_what_was_put_down_long_ago_goes(store: Store) -> None:
    async with store.write() as conn:
        await forms.keep(conn, ONE, {"to": "x"}, number=None, author=MINA, at=AT)
        assert await forms.forget_old(conn, before=AT) == 0
        assert await forms.forget_old(conn, before=SOON) == 1
        assert await forms.kept(conn, number=None, author=MINA) is None


async def test_uses_of_templates_are_counted(store: Store) -> None:
    async with store.write() as conn:
        for name in ("Sorry", "Hello", "Sorry"):
            await correspondents.used(conn, name)
        assert await correspondents.uses(conn) == {"Sorry": 2, "Hello": 1}


async def test_a_draft_comes_back_with_what_is_to_happen_to_it(store: Store) -> None:
    number = await begin(store)
    async with store.write() as conn:
        await drafts.add(conn, draft(number), view_id="")
        assert await drafts.get(conn, ONE) == draft(number)
        assert await drafts.waiting(conn, number) == [draft(number)]
        assert await drafts.said_in(conn, channel=ChannelId("C1"), ts=Ts("1.2")) == [draft(number)]
        assert await drafts.said_in(conn, channel=ChannelId("C2"), ts=Ts("1.2")) == []


async def test_only_a_held_draft_gets_other_words_and_a_remark_is_made_once(store: Store) -> None:
    number = await begin(store)
    other = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]}
    async with store.write() as conn:
        await drafts.add(conn, draft(number), view_id="")
        assert await drafts.reword(conn, ONE, other)
        await drafts.move(conn, ONE, DraftState.SENT, out_of={DraftState.HELD})
        assert not await drafts.reword(conn, ONE, draft(number).rich_text)
        assert await drafts.remark(conn, ONE, "It had left.")
        assert not await drafts.remark(conn, ONE, "Again.")
        found = await drafts.get(conn, ONE)
        assert found
        assert (found.rich_text, found.note) == (other, "It had left.")


async def test_the_upgrade_knows_whom_earlier_versions_wrote_to(store: Store) -> None:
    from alembic.migration import MigrationContext  # noqa: PLC0415
    from alembic.operations import Operations  # noqa: PLC0415

    [file] = (migrations.FOLDER / "versions").glob("*_compose_and_together.py")
    revision = importlib.import_module(f"bridge.store.migrations.versions.{file.stem}")

    def remember(conn: Connection) -> None:
        with Operations.context(MigrationContext.configure(conn)):
            revision.remember_whom_was_written_to()

    number = await begin(store)
    async with store.write() as conn:
        await drafts.add(conn, draft(number, DraftState.SENT), view_id="")
        await drafts.add(conn, draft(number, DraftState.CANCELLED, TWO), view_id="")
        await conn.execute(delete(tables.correspondents))
        await conn.run_sync(remember)
        known = await correspondents.known(conn, ["dana@example.com", "eve@kestrel.example"])
        assert known == {"dana@example.com", "eve@kestrel.example"}


def test_a_modal_of_an_earlier_version_is_understood() -> None:
    old = '{"draft": "0000000000000001", "kind": "reply", "channel": "C1", "mailbox": "support", "number": 7, "answers": 3}'
    carried = Carried.unpacked(old)
    assert (carried.draft, carried.number, carried.seen, carried.asked, carried.said) == (ONE, 7, None, (), None)
    new = Carried(
        draft=ONE,
        kind=DraftKind.NEW,
        channel=ChannelId("C1"),
        mailbox=MailboxName("support"),
        opened=AT,
        asked=("00c0ffee",),
        said=(ChannelId("C1"), Ts("1.2")),
    )
    assert Carried.unpacked(new.packed()) == new


@pytest.mark.parametrize(
    ("view", "told"),
    [
        ({}, False),
        ({"state": {}}, False),
        ({"state": {"values": {"to": {"value": {"value": "x"}}}}}, False),
        ({"state": {"values": {"body": {"value": {"type": "rich_text_input"}}}}}, True),
    ],
)
def test_a_closed_view_that_tells_nothing_is_not_an_empty_one(view: dict[str, Any], told: bool) -> None:
    """Else what was kept before would go."""
    assert tells_words(view) is told
