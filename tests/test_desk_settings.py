"""What admins chose is kept, on both databases, and every replica goes by it."""

import asyncio
from dataclasses import replace

import pytest
from workplace import workplace

from bridge.admins import all_named, all_templates
from bridge.agents import BELIEVED, Agents
from bridge.canned import Template
from bridge.errors import Refused
from bridge.model import Named, TemplateId, UserId
from bridge.store import agents, correspondents, templates
from bridge.store.database import Store

LATE = Template(name="Späte Lieferung", text="Es ist **spät**.", subject="S", language="de", folder="Versand")


async def only(store: Store) -> Template:
    async with store.read() as conn:
        [found] = await templates.every(conn)
    return found


async def test_a_template_is_kept_with_all_of_it_and_changed_by_its_newest_reader_alone(store: Store) -> None:
    async with store.write() as conn:
        await templates.add(conn, LATE)
    first = await only(store)
    assert replace(first, id=None, revision=0) == LATE
    async with store.write() as conn:
        assert await templates.change(conn, replace(first, text="Neu"))
        assert not await templates.change(conn, replace(first, text="Auch neu"))
        assert await templates.called(conn, "SPÄTE LIEFERUNG") == first.id
        assert not await templates.change(conn, replace(first, id=TemplateId(99)))
    assert (await only(store)).text == "Neu"
    async with store.write() as conn:
        assert first.id
        await templates.remove(conn, first.id)
        assert await templates.count(conn) == 0


async def test_what_was_sent_under_the_old_name_counts_under_the_new_one(store: Store) -> None:
    async with store.write() as conn:
        for name in ("Late", "Late", "Delayed"):
            await correspondents.used(conn, name)
        await templates.rename_uses(conn, "Late", "Delayed")
        assert await correspondents.uses(conn) == {"Delayed": 3}
        await templates.rename_uses(conn, "Delayed", "New")
        await templates.rename_uses(conn, "Nobody used it", "New")
        assert await correspondents.uses(conn) == {"New": 3}


async def test_two_replicas_that_make_one_name_at_once_make_one_template(store: Store, database_url: str) -> None:
    beside = await Store.open(database_url)

    async def make(on: Store) -> bool:
        async with on.write() as conn:
            await templates.one_by_one(conn)
            if await templates.called(conn, LATE.name):
                return False
            await templates.add(conn, LATE)
            return True

    assert sorted(await asyncio.gather(make(store), make(beside))) == [False, True]
    await beside.close()


async def test_a_template_is_offered_by_every_replica_at_once(store: Store, database_url: str) -> None:
    beside = await Store.open(database_url)
    in_file = [Template(name="Hello", text="Hello")]
    async with store.write() as conn:
        await templates.add(conn, LATE)
        await correspondents.used(conn, "Hello")
    assert [(one.name, one.uses) for one in await all_templates(beside, in_file)] == [(LATE.name, 0), ("Hello", 1)]
    await beside.close()


async def test_whom_an_admin_names_no_more_is_refused_by_every_replica_within_seconds(
    store: Store, database_url: str
) -> None:
    beside = await Store.open(database_url)
    clock = 0.0
    async with workplace() as place:
        me = await place.gateway.me()

        def gate(on: Store) -> Agents:
            operators = Named()
            return Agents(
                place.gateway, team_id=me.team_id, named=lambda: all_named(on, operators), clock=lambda: clock
            )

        here, there = gate(store), gate(beside)
        for one in (here, there):
            assert (await one.require(place.dana, place.support)).id == place.dana
        async with store.write() as conn:
            await agents.change(conn, add=Named(users=frozenset({UserId("U0SOMEBODY")})), remove=Named())
        here.renamed()
        with pytest.raises(Refused, match="not among the agents"):
            await here.require(place.dana, place.support)
        clock += BELIEVED
        with pytest.raises(Refused, match="not among the agents"):
            await there.require(place.dana, place.support)
    await beside.close()


async def test_who_is_named_on_two_replicas_at_once_is_named(store: Store, database_url: str) -> None:
    beside = await Store.open(database_url)
    mina, jonas = frozenset({UserId("U0MINA0001")}), frozenset({UserId("U0JONAS001")})

    async def name(on: Store, add: Named) -> None:
        async with on.write() as conn:
            await agents.change(conn, add=add, remove=Named())

    await asyncio.gather(name(store, Named(users=mina)), name(beside, Named(users=jonas, admins=jonas)))
    async with store.write() as conn:
        both = Named(users=mina | jonas, admins=jonas)
        after = Named(users=mina)
        assert await agents.change(conn, add=Named(), remove=Named(users=jonas, admins=jonas)) == (both, after)
        assert await agents.named(conn) == after
    await beside.close()
