"""The filters that the settings name are asked beside the intake: a verdict comes when it comes, and holds up nothing."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from dovecot import free_ports
from mailroom import LocalRoom, until
from onstage import Desk, actions, ask, received, said
from rspamd import GTUBE, READS, TEACHES, Learner, running_learner, running_rspamd

from bridge.demo.stage import CHANNEL, MINA, Stage
from bridge.errors import Permanent, Temporary
from bridge.mail.filters import Clamd, Rspamd
from bridge.model import Spam, Verdict

# In two pieces, so that no scanner takes this file for what it speaks of (https://www.eicar.org).
EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
MAIL = b"From: dana@example.com\r\nTo: shop@example.org\r\nSubject: Bags\r\nMessage-ID: <1@example.com>\r\n\r\n"
WORDS = b"Buy these cheap pills today: they are wonderful, they are very cheap, and nobody needs to know of them.\r\n"


class ClamdDouble:
    """clamd at the wire: INSTREAM, with a limit, and a mood to hang or to say nonsense."""

    def __init__(self, *, limit: int = 1 << 20) -> None:
        self.limit = limit
        self.answers: Callable[[bytes], bytes] = self._scanned
        self.scanned: list[bytes] = []
        self.port = 0

    @staticmethod
    def _scanned(content: bytes) -> bytes:
        return b"stream: Eicar-Test-Signature FOUND\0" if EICAR.encode() in content else b"stream: OK\0"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
            content = b""
            while size := int.from_bytes(await reader.readexactly(4), "big"):
                content += await reader.readexactly(size)
                if len(content) > self.limit:
                    writer.write(b"INSTREAM size limit exceeded. ERROR\0")
                    break
            else:
                self.scanned.append(content)
                writer.write(self.answers(content))
            await writer.drain()
        writer.close()


@pytest.fixture
async def clamd() -> AsyncIterator[ClamdDouble]:
    double = ClamdDouble()
    async with await asyncio.start_server(double.serve, "127.0.0.1", 0) as server:
        double.port = server.sockets[0].getsockname()[1]
        yield double


class RspamdDouble:
    """Rspamd's HTTP at the wire: what it answers, and what it was taught."""

    def __init__(self) -> None:
        self.action = "no action"
        self.status = 200
        self.learns: dict[str, Any] = {"success": True}
        self.taught: list[tuple[str, str, bytes]] = []
        self.asked = 0
        self.url = ""

    async def check(self, request: web.Request) -> web.Response:
        self.asked += 1
        await request.read()
        return web.json_response({"action": self.action, "score": 7.5}, status=self.status)

    async def learn(self, request: web.Request) -> web.Response:
        self.taught.append((request.path, request.headers.get("Password", ""), await request.read()))
        return web.json_response(self.learns, status=self.status)


@pytest.fixture
async def rspamd() -> AsyncIterator[RspamdDouble]:
    double = RspamdDouble()
    app = web.Application()
    app.router.add_post("/checkv2", double.check)
    app.router.add_post("/learnspam", double.learn)
    app.router.add_post("/learnham", double.learn)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_ports(1)[0]
    await web.TCPSite(runner, "127.0.0.1", port).start()
    double.url = f"http://127.0.0.1:{port}"
    yield double
    await runner.cleanup()


@pytest.fixture(scope="module")
def real_rspamd() -> Iterator[str]:
    with running_rspamd() as url:
        yield url


@pytest.fixture
def learner() -> Iterator[Learner]:
    with running_learner() as running:
        yield running


# --- Rspamd -----------------------------------------------------------------------------------------------------------


async def test_rspamd_itself_finds_its_test_pattern_and_nothing_in_a_letter(real_rspamd: str) -> None:
    asked = Rspamd(url=real_rspamd)
    found = await asked.check(MAIL + GTUBE.encode() + b"\r\n")
    assert (found.level, found.by) == (Spam.SPAM, "Rspamd")
    assert (await asked.check(MAIL + b"Hello\r\n")).level is Spam.HAM


@pytest.mark.parametrize(
    ("action", "level"),
    [("reject", Spam.SPAM), ("add header", Spam.SPAM), ("greylist", Spam.HAM), ("a new one", Spam.HAM)],
)
async def test_rspamds_actions_are_understood(rspamd: RspamdDouble, action: str, level: Spam) -> None:
    rspamd.action = action
    assert await Rspamd(url=rspamd.url).check(MAIL) == Verdict(level=level, by="Rspamd", score=7.5)


async def test_rspamd_that_is_away_or_ill_is_asked_again(rspamd: RspamdDouble) -> None:
    with pytest.raises(Temporary, match="Rspamd does not answer"):
        await Rspamd(url=f"http://127.0.0.1:{free_ports(1)[0]}").check(MAIL)
    rspamd.status = 503
    with pytest.raises(Temporary):
        await Rspamd(url=rspamd.url).check(MAIL)


async def test_a_controller_that_wants_a_password_says_what_to_do(rspamd: RspamdDouble) -> None:
    teacher = Rspamd(url=rspamd.url, controller=rspamd.url, password="secret")
    await teacher.learn(MAIL, spam=True)
    assert rspamd.taught == [("/learnspam", "secret", MAIL)]
    assert "secret" not in repr(teacher)
    rspamd.status = 403
    with pytest.raises(Permanent, match="check its password"):
        await teacher.learn(MAIL, spam=False)


async def test_rspamd_itself_learns_unlearns_and_is_content_with_what_it_knows(learner: Learner) -> None:
    """Debian's Rspamd says 404 of what it has learned already; with Redis, 208."""
    teacher, mail = Rspamd(url=learner.url, controller=learner.url, password=TEACHES), MAIL + WORDS
    assert learner.learned() == (0, 0)
    for _ in range(2):
        await teacher.learn(mail, spam=True)
        assert learner.learned() == (1, 0)
    for _ in range(2):
        await teacher.learn(mail, spam=False)
        assert learner.learned() == (0, 1)


async def test_rspamd_itself_finds_nothing_to_learn_in_two_words_and_nobody_is_troubled(learner: Learner) -> None:
    await Rspamd(url=learner.url, controller=learner.url, password=TEACHES).learn(MAIL + b"Hello\r\n", spam=True)
    assert learner.learned() == (0, 0)


async def test_rspamd_itself_is_taught_only_with_its_password(learner: Learner) -> None:
    for password in ("", "a wrong one", READS):
        with pytest.raises(Permanent, match="check its password"):
            await Rspamd(url=learner.url, controller=learner.url, password=password).learn(MAIL + WORDS, spam=True)
    assert learner.learned() == (0, 0)


async def test_what_rspamd_knows_already_is_told_from_what_it_cannot_learn(rspamd: RspamdDouble) -> None:
    teacher = Rspamd(url=rspamd.url, controller=rspamd.url)
    known = {"error": "<1@example.com> has been already learned as spam, ignore it"}
    for status, answer in ((208, known), (404, known)):
        rspamd.status, rspamd.learns = status, answer
        await teacher.learn(MAIL, spam=True)
    for answer in (known, {"error": "no classifiers defined"}, {}):
        rspamd.status, rspamd.learns = 404, answer
        with pytest.raises(Permanent, match="does not learn from this mail"):
            await teacher.learn(MAIL, spam=False)


# --- clamd ------------------------------------------------------------------------------------------------------------


async def test_clamd_names_what_it_finds(clamd: ClamdDouble) -> None:
    asked = Clamd(host="127.0.0.1", port=clamd.port)
    found = await asked.check(MAIL + EICAR.encode())
    assert found == Verdict(level=Spam.SPAM, by="ClamAV", virus="Eicar-Test-Signature")
    assert await asked.check(MAIL * 3000) == Verdict(level=Spam.HAM, by="ClamAV")
    assert clamd.scanned[-1] == MAIL * 3000


async def test_clamd_on_a_socket_of_this_machine(tmp_path: Path) -> None:
    double = ClamdDouble()
    path = str(tmp_path / "clamd.ctl")
    async with await asyncio.start_unix_server(double.serve, path):
        assert (await Clamd(path=path).check(MAIL)).virus == ""


async def test_what_is_too_large_for_clamd_is_let_be_and_its_absence_is_temporary(clamd: ClamdDouble) -> None:
    clamd.limit = 10
    with pytest.raises(Permanent, match="no mail of this size"):
        await Clamd(host="127.0.0.1", port=clamd.port).check(MAIL * 1000)
    with pytest.raises(Temporary, match="ClamAV does not answer"):
        await Clamd(host="127.0.0.1", port=free_ports(1)[0]).check(MAIL)
    clamd.limit, clamd.answers = 1 << 20, lambda _: b"nonsense\0"
    with pytest.raises(Temporary):
        await Clamd(host="127.0.0.1", port=clamd.port).check(MAIL)


# --- stories ----------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def staged(
    folder: Path, spam: str, *, more: str = "", hold: float = 0, secrets: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Stage, Desk]]:
    """A stage whose settings name these filters."""
    stage = Stage(folder, hold=hold)
    stage.source += more
    stage.secrets |= secrets or {}
    stage.others = f"[spam]\n{spam}\n"
    await stage.start()
    try:
        yield stage, Desk(stage)
    finally:
        await stage.stop()


async def test_a_verdict_comes_to_the_card_and_into_the_thread(tmp_path: Path, real_rspamd: str) -> None:
    async with staged(tmp_path, f'rspamd = "{real_rspamd}"') as (stage, mina):
        await ask(stage, text=f"Buy this.\n\n{GTUBE}\n")
        card = await mina.sees_card("Two bags")
        await mina.sees(lambda: "Spam, says Rspamd" in said(mina.card("Two bags") or {}))
        await mina.sees(lambda: mina.line(card, "Spam, says Rspamd"))
        await ask(stage, subject="A letter", text="Hello")
        await mina.sees_card("A letter")
        assert "says Rspamd" not in said(mina.card("A letter") or {})


async def test_a_virus_is_told_by_its_name(tmp_path: Path, clamd: ClamdDouble) -> None:
    async with staged(tmp_path, f'clamd = "127.0.0.1:{clamd.port}"') as (stage, mina):
        await ask(stage, text=EICAR)
        await mina.sees(lambda: "There is a virus in it: Eicar-Test-Signature" in said(mina.card("Two bags") or {}))


async def test_a_filter_that_is_away_holds_up_no_mail_and_is_told_until_it_answers(
    tmp_path: Path, clamd: ClamdDouble
) -> None:
    dead = free_ports(1)[0]
    spam = f'rspamd = "http://127.0.0.1:{dead}"\nclamd = "127.0.0.1:{clamd.port}"'
    async with staged(tmp_path, spam) as (stage, mina):
        for count in range(5):
            await ask(stage, subject=f"Letter {count}")
        for count in range(5):
            await mina.sees_card(f"Letter {count}")
        await until(lambda: len(clamd.scanned) == 5)
        await mina.person.command(CHANNEL, "/mail", "status")
        told = str(mina.person.ephemerals(CHANNEL)[-1])
        assert "Rspamd does not answer" in told
        assert "ClamAV does not answer" not in told


async def test_a_mail_that_a_filter_calls_spam_is_not_acknowledged(tmp_path: Path, rspamd: RspamdDouble) -> None:
    rspamd.action = "reject"
    more = "\nauto_ack = true"
    async with staged(tmp_path, f'rspamd = "{rspamd.url}"', more=more, hold=600) as (stage, mina):
        await ask(stage)
        card = await mina.sees_card("Two bags")
        await mina.sees(lambda: "Spam, says Rspamd" in said(mina.card("Two bags") or {}))
        await mina.sees(lambda: mina.line(card, "Undone") or not mina.line(card, "Leaves"))
        assert not stage.world.inbox["dana@example.com"]


RULES = """
[[template]]
name = "Hours"
text = "We are open from nine."

[[rule]]
name = "Passes on"
then = { forward = "books@example.org" }

[[rule]]
name = "Answers"
then = { template = "Hours", send = true }

[[rule]]
name = "Pills"
when = { spam = true, subject = "bags" }
then = { tag = "pills", forward = "abuse@example.org" }
"""


async def test_what_rules_were_to_send_does_not_leave_once_a_filter_calls_the_mail_spam(
    tmp_path: Path, rspamd: RspamdDouble
) -> None:
    """And the rules that look for spam act then: what they find out cannot be known before."""
    rspamd.action = "reject"
    async with staged(tmp_path, f'rspamd = "{rspamd.url}"\n{RULES}', hold=600) as (stage, mina):
        await ask(stage)
        card = await mina.sees_card("Two bags")
        await mina.sees(lambda: "#pills" in said(mina.card("Two bags") or {}))
        await mina.sees(lambda: not [one for one in mina.thread(card) if "cancel_send" in actions(one)])
        stage.later(timedelta(hours=1))
        await ask(stage, subject="The last one", from_="Ben <ben@example.org>")
        await mina.sees_card("The last one")
        assert not stage.world.inbox


async def test_what_rules_were_to_send_does_not_leave_once_an_agent_calls_the_mail_spam(tmp_path: Path) -> None:
    async with staged(tmp_path, RULES, hold=600) as (stage, mina):
        await ask(stage)
        card = await mina.sees_card("Two bags")
        await mina.sees(lambda: len([one for one in mina.thread(card) if "cancel_send" in actions(one)]) == 2)
        await mina.person.choose(CHANNEL, card["ts"], "more", "spam:1")
        await mina.sees(lambda: not [one for one in mina.thread(card) if "cancel_send" in actions(one)])


async def test_mail_that_went_to_junk_by_itself_is_not_sorted(tmp_path: Path) -> None:
    rules = '[[rule]]\nname = "Money"\nthen = { tag = "money", forward = "books@example.org" }\n'
    async with staged(tmp_path, f"\n{rules}") as (stage, mina):
        await called_spam(stage, mina)
        mail = MAIL.replace(b"From:", b"X-Spam-Flag: YES\r\nFrom:").replace(b"Bags", b"Cheap pills") + b"Buy.\r\n"
        LocalRoom(stage.data / "mail" / "support").deliver(mail)
        await mina.sees(lambda: "In junk" in said(mina.card("Cheap pills") or {}))
        assert "#money" not in said(mina.card("Cheap pills") or {})
        await mina.person.command(CHANNEL, "/mail", "log 2")
        assert "not sorted" in str(mina.person.ephemerals(CHANNEL)[-1])


async def test_what_agents_call_spam_is_taught_and_taken_back(tmp_path: Path, rspamd: RspamdDouble) -> None:
    spam = f'rspamd = "{rspamd.url}"\nrspamd_controller = "{rspamd.url}"'
    async with staged(tmp_path, spam) as (stage, mina):
        await ask(stage)
        card = await mina.sees_card("Two bags")
        await mina.person.choose(CHANNEL, card["ts"], "more", "spam:1")
        await until(lambda: [path for path, _, _ in rspamd.taught] == ["/learnspam"])
        await mina.sees(lambda: "In junk" in said(mina.card("Two bags") or {}))
        await mina.person.choose(CHANNEL, card["ts"], "more", "restore:1")
        await until(lambda: [path for path, _, _ in rspamd.taught] == ["/learnspam", "/learnham"])
        assert all(b"Two bags are missing" in raw for _, _, raw in rspamd.taught)


def has_learned(learner: Learner, learned: tuple[int, int]) -> bool:
    return learner.learned() == learned


async def test_rspamd_itself_learns_what_agents_call_spam_and_unlearns_what_they_bring_back(
    tmp_path: Path, learner: Learner
) -> None:
    spam = f'rspamd = "{learner.url}"\nrspamd_controller = "{learner.url}"\nrspamd_password_env = "TEACHES"'
    async with staged(tmp_path, spam, secrets={"TEACHES": TEACHES}) as (stage, mina):
        await ask(stage, text=WORDS.decode())
        card = await mina.sees_card("Two bags")
        assert learner.learned() == (0, 0)
        for verb, learned in (("spam", (1, 0)), ("restore", (0, 1)), ("spam", (1, 0))):
            await mina.person.choose(CHANNEL, card["ts"], "more", f"{verb}:1")
            await until(functools.partial(has_learned, learner, learned))


# --- senders ----------------------------------------------------------------------------------------------------------


async def called_spam(stage: Stage, mina: Desk) -> dict[str, Any]:
    """The card of a mail of Dana's that Mina called spam."""
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await mina.person.choose(CHANNEL, card["ts"], "more", "spam:1")
    await mina.sees(lambda: "In junk" in said(mina.card("Two bags") or {}))
    return card


async def test_later_mail_of_that_sender_says_who_called_it_spam_and_stays(stage: Stage, mina: Desk) -> None:
    await called_spam(stage, mina)
    await ask(stage, subject="Something else")
    card = await mina.sees_card("Something else")
    assert f"Mail of this sender was called spam before, by <@{MINA}>." in said(card)
    assert "In junk" not in said(card)
    assert "Open" in said(card)


async def test_it_goes_to_junk_by_itself_only_where_a_filter_calls_it_spam_too(
    tmp_path: Path, rspamd: RspamdDouble
) -> None:
    async with staged(tmp_path, f'rspamd = "{rspamd.url}"') as (stage, mina):
        await called_spam(stage, mina)
        rspamd.action = "reject"
        await ask(stage, subject="Cheap pills")
        card = await mina.sees_card("Cheap pills")
        await mina.sees(lambda: "In junk" in said(mina.card("Cheap pills") or {}))
        await mina.person.command(CHANNEL, "/mail", "log 2")
        assert "its sender was called spam before, and a filter calls it spam" in str(
            mina.person.ephemerals(CHANNEL)[-1]
        )
        await mina.person.command(CHANNEL, "/mail", "search pills")
        assert "Cheap pills" in str(mina.person.ephemerals(CHANNEL)[-1])
        await ask(stage, from_="Ben <ben@example.org>", subject="From somebody else")
        await mina.sees(lambda: "Spam, says Rspamd" in said(mina.card("From somebody else") or {}))
        assert "In junk" not in said(mina.card("From somebody else") or {})
        await mina.person.choose(CHANNEL, card["ts"], "more", "restore:2")
        await mina.sees(lambda: "In junk" not in said(mina.card("Cheap pills") or {}))
        await ask(stage, subject="Once more")
        await mina.sees(lambda: "Spam, says Rspamd" in said(mina.card("Once more") or {}))
        assert "In junk" not in said(mina.card("Once more") or {})


async def test_a_sender_who_was_called_spam_is_not_acknowledged(tmp_path: Path) -> None:
    async with staged(tmp_path, "", more="\nauto_ack = true") as (stage, mina):
        await ask(stage)
        await received(stage, "dana@example.com")
        card = await mina.sees_card("Two bags")
        await mina.person.choose(CHANNEL, card["ts"], "more", "spam:1")
        await mina.sees(lambda: "In junk" in said(mina.card("Two bags") or {}))
        await ask(stage, subject="Something else")
        await ask(stage, from_="Ben <ben@example.org>", subject="The last one")
        await received(stage, "ben@example.org")
        assert len(stage.world.inbox["dana@example.com"]) == 1
