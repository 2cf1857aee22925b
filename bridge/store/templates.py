"""Canned answers that admins made in Slack. Named questions and changes.

No two have one name, in whatever case it is written.
"""

from typing import Any

from sqlalchemy import RowMapping, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.canned import Template
from bridge.model import TemplateId
from bridge.store.database import insert_all, one_at_a_time
from bridge.store.packing import clean
from bridge.store.schema import template_uses, templates


async def every(conn: AsyncConnection) -> list[Template]:
    """All of them, in no order."""
    return [_template(row) for row in (await conn.execute(select(templates))).mappings()]


async def get(conn: AsyncConnection, template_id: TemplateId) -> Template | None:
    """That one, or None where there is none any more."""
    row = (await conn.execute(select(templates).where(templates.c.id == template_id))).mappings().first()
    return _template(row) if row else None


async def one_by_one(conn: AsyncConnection) -> None:
    """Until this transaction ends, nobody else changes them: what it has read of them stays so."""
    await one_at_a_time(conn, "templates")


async def called(conn: AsyncConnection, name: str) -> TemplateId | None:
    """The one of that name, in any case."""
    question = select(templates.c.id).where(templates.c.folded == _folded(name))
    return (await conn.execute(question)).scalar()


async def count(conn: AsyncConnection) -> int:
    """How many there are."""
    return (await conn.execute(select(func.count()).select_from(templates))).scalar_one()


async def add(conn: AsyncConnection, template: Template) -> None:
    """A new one, of a name that none has."""
    await insert_all(conn, templates, [{**_row(template), "revision": 1}])


async def change(conn: AsyncConnection, template: Template) -> bool:
    """Keep it in place of what it was; False where it has another revision by now, or is gone."""
    mine = (templates.c.id == template.id) & (templates.c.revision == template.revision)
    changed = await conn.execute(update(templates).where(mine).values(**_row(template), revision=template.revision + 1))
    return bool(changed.rowcount)


async def remove(conn: AsyncConnection, template_id: TemplateId) -> bool:
    """Take it away; False where it was gone already. How often it was sent stays known by its name."""
    return bool((await conn.execute(delete(templates).where(templates.c.id == template_id))).rowcount)


async def rename_uses(conn: AsyncConnection, before: str, after: str) -> None:
    """What was sent under one name was sent under the other."""
    count = template_uses.c.count
    sent = (await conn.execute(select(count).where(template_uses.c.name == before))).scalar()
    if sent is None:
        return
    more = update(template_uses).where(template_uses.c.name == after).values(count=count + sent)
    if (await conn.execute(more)).rowcount:
        await conn.execute(delete(template_uses).where(template_uses.c.name == before))
    else:
        await conn.execute(update(template_uses).where(template_uses.c.name == before).values(name=after))


def _row(template: Template) -> dict[str, Any]:
    words = {name: clean(getattr(template, name)) for name in ("name", "text", "subject", "language", "folder")}
    return {**words, "folded": _folded(words["name"])}


def _template(row: RowMapping) -> Template:
    words = {name: row[name] for name in ("id", "name", "text", "subject", "language", "folder", "revision")}
    return Template(**words)


def _folded(name: str) -> str:
    return name.casefold()
