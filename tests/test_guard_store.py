"""What is remembered of addresses, on both databases: which are dead, which send spam; and that it can be taken away."""

from datetime import UTC, datetime

from bridge.model import MailboxName, UserId
from bridge.store import bounced, personal, spammers
from bridge.store.database import Store

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
SUPPORT, SALES = MailboxName("support"), MailboxName("sales")
MINA = UserId("U0MINA0001")


async def test_an_address_is_dead_until_it_is_known_to_be_alive(store: Store) -> None:
    async with store.write() as conn:
        assert not await bounced.any_known(conn)
        await bounced.remember(conn, "Dana@Example.com", status="5.1.2", at=AT)
        await bounced.remember(conn, "dana@example.com", status="5.1.1", at=AT)
        assert await bounced.any_known(conn)
        found = await bounced.among(conn, ["DANA@example.com", "ben@example.org"])
        assert [(one.email, one.status, one.at) for one in found] == [("dana@example.com", "5.1.1", AT)]
        await bounced.forget(conn, ["dana@EXAMPLE.com"])
        assert not await bounced.among(conn, ["dana@example.com"])


async def test_a_sender_of_spam_is_known_to_the_mailbox_alone_whose_agent_said_so(store: Store) -> None:
    async with store.write() as conn:
        await spammers.learn(conn, SUPPORT, ["Shill@Example.org", "", "shill@example.org"], by=MINA, at=AT)
        await spammers.learn(conn, SUPPORT, ["shill@example.org"], by=MINA, at=AT)
        assert await spammers.among(conn, SUPPORT, ["SHILL@example.org", ""]) == {"shill@example.org": MINA}
        assert await spammers.among(conn, SALES, ["shill@example.org"]) == {}
        await spammers.unlearn(conn, SUPPORT, ["Shill@example.org"])
        assert await spammers.among(conn, SUPPORT, ["shill@example.org"]) == {}


async def test_what_is_remembered_of_a_person_is_told_and_taken_away(store: Store) -> None:
    async with store.write() as conn:
        await bounced.remember(conn, "dana@example.com", status="5.1.1", at=AT)
        await spammers.learn(conn, SUPPORT, ["dana@example.com", "ben@example.org"], by=MINA, at=AT)
        told = await personal.known_of(conn, "Dana@example.com")
        assert told["bounced"] == [{"email": "dana@example.com", "status": "5.1.1", "at": AT.isoformat()}]
        assert [one["mailbox"] for one in told["spammers"]] == [SUPPORT]
        await personal.forget_address(conn, "Dana@example.com")
        assert await personal.known_of(conn, "dana@example.com") == {}
        assert await spammers.among(conn, SUPPORT, ["ben@example.org"]) == {"ben@example.org": MINA}
