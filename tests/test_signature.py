"""What stands below a mail: the agent's own lines, then the mailbox's, filled in."""

import pytest

from bridge.mail.signature import signature
from bridge.model import UserId
from bridge.store import people
from bridge.store.database import Store


@pytest.mark.parametrize(
    ("mailbox", "own", "expected"),
    [
        ("", "", ""),
        ("", "Mina\n", "Mina"),
        ("Fernhill Coffee", "", "Fernhill Coffee"),
        ("Fernhill Coffee", "Mina", "Mina\nFernhill Coffee"),
        ("{name}\nFernhill, {address}", "", "Mina Park\nFernhill, hello@x.example"),
        ("Fernhill\n\n{signature}\nThe end", "Mina\nRoastery", "Fernhill\n\nMina\nRoastery\nThe end"),
        ("Fernhill\n{signature}\nThe end", "", "Fernhill\nThe end"),
        ("{shop} {name}", "{address}", "{address}\n{shop} Mina Park"),  # nobody's words are a template
        ("{signature}{name}", "", "Mina Park"),
    ],
)
def test_a_signature_is_filled_in_once(mailbox: str, own: str, expected: str) -> None:
    assert signature(mailbox, own=own, name="Mina Park", address="hello@x.example") == expected


async def test_an_agents_signature_is_kept_and_replaced(store: Store) -> None:
    mina = UserId("U0MINA0001")
    async with store.write() as conn:
        assert await people.get(conn, mina) == people.Person(user=mina)
        await people.put(conn, people.Person(user=mina, signature="Mina"))
        changed = people.Person(user=mina, signature="Mina\nRoastery", reminders=False)
        await people.put(conn, changed)
        assert await people.get(conn, mina) == changed
        assert (await people.get(conn, UserId("U0JONAS001"))).signature == ""
