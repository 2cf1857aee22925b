"""An id is never given twice: what goes by it (jobs, effects, buttons in Slack) is never taken for another's."""

from datetime import UTC, datetime
from importlib import import_module

from sqlalchemy import Connection, select, text
from test_store import begin, keep

from bridge.canned import Template
from bridge.model import MailId, UserId
from bridge.routing.matching import Rule
from bridge.store import effects, jobs, personal, rulings, templates
from bridge.store.database import Store
from bridge.store.schema import effects as effects_table
from bridge.store.schema import jobs as jobs_table

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
MINA = UserId("U0MINA0001")
OF_A_MAIL = ("mail:{0}", "mail:{0}.1", "file:{0}:1:0", "file:{0}.1:1:0", "files:{0}:1")
PROMISED = ("sort:{0}", "check:{0}:0", "show_mail:{0}:rspamd", "webhook:{0}:a rule", "tell:sort:{0}:owner")


def upgrade_again(conn: Connection) -> None:
    """Run the revision that keeps ids once more, alone."""
    from alembic.migration import MigrationContext  # noqa: PLC0415
    from alembic.operations import Operations  # noqa: PLC0415

    with Operations.context(MigrationContext.configure(conn)):
        import_module("bridge.store.migrations.versions.0018_keeping").upgrade()


async def shown(store: Store, mail_id: MailId) -> None:
    async with store.write() as conn:
        for key in OF_A_MAIL:
            await effects.begin(conn, key.format(mail_id))
        for key in PROMISED:
            await jobs.add(conn, key=key.format(mail_id), kind="show")


async def left(store: Store) -> set[str]:
    async with store.read() as conn:
        found = set((await conn.execute(select(effects_table.c.key))).scalars())
        return found | set((await conn.execute(select(jobs_table.c.key))).scalars())


async def test_a_mail_that_comes_after_one_was_erased_is_never_taken_for_it(store: Store) -> None:
    first = await keep(store, await begin(store))
    other = await keep(store, await begin(store), digest="d2")
    last = await keep(store, await begin(store), digest="d3")
    for one in (first, other, last):
        await shown(store, one)
    async with store.write() as conn:
        await personal.take_out(conn, [first, last])
    assert await left(store) == {key.format(other) for key in (*OF_A_MAIL, *PROMISED)}
    assert await keep(store, await begin(store), digest="d4") > last


async def test_all_mails_may_be_erased_and_the_count_goes_on(store: Store) -> None:
    first = await keep(store, await begin(store))
    async with store.write() as conn:
        await personal.take_out(conn, [first])
    assert await keep(store, await begin(store), digest="d2") > first


async def test_the_button_of_a_rule_that_was_taken_away_hits_no_other(store: Store) -> None:
    async with store.write() as conn:
        gone = await rulings.add(conn, Rule(name="Gone"), by=MINA, at=AT)
        await rulings.remove(conn, gone)
        assert await rulings.add(conn, Rule(name="New"), by=MINA, at=AT) > gone


async def test_the_button_of_a_template_that_was_taken_away_hits_no_other(store: Store) -> None:
    async with store.write() as conn:
        await templates.add(conn, Template(name="Gone", text="."))
        gone = await templates.called(conn, "gone")
        assert gone
        await templates.remove(conn, gone)
        await templates.add(conn, Template(name="New", text="."))
        assert (await templates.called(conn, "new") or 0) > gone


async def test_what_was_erased_before_the_upgrade_is_not_forgotten(sqlite_url: str) -> None:
    """Its effects and jobs stand under an id that no mail has any more."""
    store = await Store.open(sqlite_url)
    mail_id = await keep(store, await begin(store))
    await shown(store, MailId(mail_id + 7))
    async with store.write() as conn:
        for name in ("last_ids", "former_digests"):
            await conn.execute(text(f"DROP TABLE {name}"))
        for name in ("messages", "drafts", "draft_files"):
            await conn.execute(text(f"DROP INDEX ix_{name}_raw_id"))
        await conn.run_sync(upgrade_again)
    assert await keep(store, await begin(store), digest="d2") > mail_id + 7
    await store.close()
