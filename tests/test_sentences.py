"""The catalogue holds every sentence that somebody reads in Slack, in English and Korean; each person is told in theirs."""

import ast
import asyncio
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from onstage import Desk, actions, ask, rich, said

import bridge
from bridge import ledger
from bridge.demo.stage import CHANNEL, GUEST, JONAS, MINA, Stage
from bridge.mail.imap import ImapServer, ImapSource
from bridge.sentences import CATALOGUE, house, plural, say, speaking, to_everyone
from bridge.sentences.__main__ import KEYWORDS
from bridge.sentences.__main__ import said as said_in_code
from bridge.store.ledger import STATES

KEPT = re.compile(r"\{\w*\}|:[a-z_]+:|`[^`]*`|<[^>]*>|/mail\b")
"""What stands in both languages alike: names to be filled in, emoji, what is typed, links and people."""

TREES = {
    file: ast.parse(text)
    for file in sorted(Path(bridge.__file__).parent.rglob("*.py"))
    if "from bridge.sentences import" in (text := file.read_text("utf-8"))
}


def one(forms: str | list[str] | tuple[str, ...] | None) -> str:
    return forms if isinstance(forms, str) else (forms or [""])[0]


with CATALOGUE.open("rb") as file:
    ENTRIES = {one(entry.id): one(entry.string) for entry in read_po(file, locale="ko") if entry.id}


def test_the_catalogue_holds_what_the_code_says_and_nothing_else() -> None:
    """`python -m bridge.sentences` brings it up to date."""
    in_code = {one(entry.id) for entry in said_in_code() if entry.id}
    assert in_code - set(ENTRIES) == set(), "not in the catalogue"
    assert set(ENTRIES) - in_code == set(), "said no more"


def test_every_sentence_has_its_korean() -> None:
    assert [english for english, korean in ENTRIES.items() if not korean.strip()] == []


@pytest.mark.parametrize("english", ENTRIES, ids=lambda english: english[:50])
def test_the_korean_keeps_what_is_filled_in_and_what_is_typed(english: str) -> None:
    kept = sorted(KEPT.findall(ENTRIES[english]))
    assert set(kept) == set(KEPT.findall(english)), ENTRIES[english]


def test_sentences_are_literals() -> None:
    """A sentence that is put together while running cannot be in a catalogue."""
    for path, tree in TREES.items():
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in KEYWORDS:
                for argument in call.args:
                    assert not isinstance(argument, ast.JoinedStr | ast.BinOp), f"{path.name}:{call.lineno}"


def test_the_house_speaks_its_language_and_each_reader_theirs() -> None:
    sentence = "Only people may handle the mail."
    assert say(sentence) == sentence
    with speaking("ko-KR"):
        assert say(sentence) == ENTRIES[sentence]
        with to_everyone():
            assert say(sentence) == sentence
    house("ko")
    assert say(sentence) == ENTRIES[sentence]
    with speaking("en-GB"):
        assert say(sentence) == sentence
    with speaking("de-DE"):
        assert say(sentence) == ENTRIES[sentence]
    house("en")


def test_words_are_filled_in_but_never_read_as_a_sentence() -> None:
    assert say("{who} waits", who="{mean}") == "{mean} waits"
    assert plural(1, "{n} mail", "{n} mails") == "1 mail"
    assert plural(2, "{n} mail", "{n} mails") == "2 mails"


async def test_a_person_is_told_in_their_own_language(stage: Stage, mina: Desk) -> None:
    await ask(stage)
    card = await mina.sees_card("Two bags")
    stage.slack.workspace.change_user(GUEST, locale="ko-KR")
    stage.slack.workspace.change_user(MINA, is_restricted=True)
    await stage.slack.delivery.settled()
    guest = Desk(stage, GUEST)
    refusal = "Only full members of this workspace may handle the mail; ask one of them."
    for desk, words in ((guest, ENTRIES[refusal]), (mina, refusal)):
        await desk.person.click(CHANNEL, card["ts"], "claim")
        await desk.sees(functools.partial(desk.person.ephemerals, CHANNEL))
        assert words in said(desk.person.ephemerals(CHANNEL)[-1])


# --- the desk, its mail and its store ---------------------------------------------------------------------------------

KINDS = {"Refused", "Permanent", "Temporary", "Uncertain", "Invalid"}
"""The errors whose sentence reaches people: as an answer, on a card, in a modal, on Home."""

FOR_THE_OPERATOR = {
    "commands/backfill.py": "`bridge backfill`",
    "commands/mail.py": "`bridge mail`",
    "commands/init.py": "`bridge init`",
    "commands/mcp.py": "`bridge mcp`",
    "proposals.py:propose": "`bridge mcp`",
    "proposals.py:_chosen": "`bridge mcp`",
    "commands/personal.py": "`bridge export` and `bridge erase`",
    "commands/replay.py": "`bridge replay`",
    "commands/scripts.py": "`bridge mail`",
    "ledger.py:on_demand": "`bridge reconcile`",
    "reception.py:replay": "`bridge replay`",
    "reception.py:take_again": "`bridge replay`",
}
"""What nobody reads in Slack, and which command tells it: a module, or a function of one."""


def raw_sentences() -> Iterator[tuple[str, int]]:
    """Where an error of the desk, of mail or of the store is given words that no catalogue knows: place and line."""
    root = Path(bridge.__file__).parent
    for file in sorted(root.rglob("*.py")):
        if file.relative_to(root).parts[0] in {"bench", "demo", "sentences", "slack"}:
            continue
        tree, name = ast.parse(file.read_text("utf-8")), file.relative_to(root).as_posix()
        given = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        for node in ast.walk(tree):
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if isinstance(node, ast.Call) and called in KINDS and any(has_words(one, given) for one in node.args):
                within = [one.name for one in functions if one.lineno <= node.lineno <= (one.end_lineno or 0)]
                yield f"{name}:{within[-1]}" if within else name, node.lineno


def has_words(node: ast.AST, given: Mapping[str, ast.expr]) -> bool:
    """Whether an argument is words as they stand: a literal, put together of such, or a name for some."""
    if isinstance(node, ast.Call | ast.FormattedValue | ast.Subscript):
        return False
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and any(character.isalpha() for character in node.value)
    if isinstance(node, ast.Name):
        return node.id in given and has_words(given[node.id], {})
    parts = node.values if isinstance(node, ast.Dict) else ast.iter_child_nodes(node)
    return any(has_words(one, given) for one in parts)


def test_what_goes_wrong_is_said_by_the_catalogue() -> None:
    raw = [{place, place.partition(":")[0], f"{place}, line {line}"} for place, line in raw_sentences()]
    assert [sorted(one) for one in raw if not one & FOR_THE_OPERATOR.keys()] == [], "not said by the catalogue"
    assert FOR_THE_OPERATOR.keys() - set().union(*raw) == set(), "nothing is raised there any more"


def test_every_state_of_the_ledger_has_its_words() -> None:
    assert set(ledger.STATES) == set(STATES)


@pytest.fixture(name="jonas")
def jonas_fixture(stage: Stage) -> Desk:
    return Desk(stage, JONAS)


async def test_a_form_that_cannot_be_sent_says_why_in_its_authors_language(stage: Stage, mina: Desk) -> None:
    stage.slack.workspace.change_user(MINA, locale="ko-KR")
    await stage.stop_bridge()
    stage.max_bytes = 1 << 20
    await stage.start_bridge()
    await ask(stage)
    await mina.opens(await mina.sees_card("Two bags"))
    upload = await mina.person.upload("bags.bin", bytes(1 << 20))
    wrong = await mina.person.submit({"body": rich("Here they are"), "to": "dana", "files": [upload]})
    no_address = "“{typed}” is not a mail address: write it as name@example.org, several separated by commas."
    assert (wrong or {})["errors"]["to"] == ENTRIES[no_address].format(typed="dana")
    too_large = await mina.person.submit({"to": "dana@example.com"})
    sentence = "Together the files are larger than a mail may be ({limit}): send fewer, or a link."
    assert (too_large or {})["errors"]["files"] == ENTRIES[sentence].format(limit="1 MB")
    await mina.person.command(CHANNEL, "/mail", "claim 77")
    nowhere = ENTRIES["There is no conversation #{number}. `/mail inbox` lists the open ones."].format(number=77)
    assert nowhere in said(mina.person.ephemerals(CHANNEL)[-1])


async def test_what_one_persons_click_says_to_others_is_in_the_houses_language(
    stage: Stage, mina: Desk, jonas: Desk
) -> None:
    stage.slack.workspace.change_user(MINA, locale="ko-KR")
    await stage.stop_bridge()
    stage.hold = 60
    await stage.start_bridge()
    await ask(stage)
    card = await mina.sees_card("Two bags")
    await jonas.person.click(CHANNEL, card["ts"], "claim")
    await mina.opens(card)
    await mina.person.submit({"body": rich("I answer this")})
    told = await mina.sees(lambda: mina.line(card, f"<@{JONAS}>: <@{MINA}> answers this conversation of yours"))
    assert told
    assert "cancel_send" in actions(told)
    assert "Undo" in said(told).split("\n")
    await mina.person.click(CHANNEL, card["ts"], "claim")
    assert await mina.sees(lambda: mina.line(card, f"<@{JONAS}>: <@{MINA}> took this over from you"))


async def test_a_korean_house_says_in_korean_what_is_odd_about_a_mail(stage: Stage, mina: Desk) -> None:
    await stage.stop_bridge()
    stage.secrets = {"BRIDGE_LANGUAGE": "ko"}
    await stage.start_bridge()
    await ask(stage, text="-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n")
    card = await mina.sees_card("Two bags")
    note = ENTRIES["The mail is encrypted (OpenPGP): its content cannot be read here."]
    assert await mina.sees(lambda: mina.line(card, note))


async def test_a_mailboxs_thread_speaks_the_houses_language_whoever_woke_it() -> None:
    house("ko")
    server = ImapServer(
        host="127.0.0.1", port=1, security="tls", username="support@example.com", password="secret", timeout=5.0
    )
    source = ImapSource(server, max_bytes=1000)
    with speaking("en-GB"):
        waiting = asyncio.ensure_future(source.folders())
        failure = await source.settled()
    assert str(failure) == ENTRIES["The mail server cannot be reached."]
    waiting.cancel()
    await source.stop()
    house("en")
