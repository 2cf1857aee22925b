"""Mails named by what is odd about them, each with the reading that a person would give it.

A `.toml` beside each `.eml` says what is expected; what it does not mention is not checked. Each bug adds one.
"""

import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.mail.html import plain_lines
from bridge.mail.parse import parse
from bridge.mail.quotes import read
from bridge.model import Address, Attachment, Message

MAILS = Path(__file__).with_name("mails")
TABLE = Path(__file__).parents[1] / "docs" / "mail.md"


@pytest.mark.parametrize("name", sorted(path.stem for path in MAILS.glob("*.eml")))
def test_reads_as_a_person_would(name: str) -> None:
    message = parse((MAILS / f"{name}.eml").read_bytes())
    expected = tomllib.loads((MAILS / f"{name}.toml").read_text("utf-8"))
    assert expected, "an expected reading that expects nothing checks nothing"
    for key, wanted in expected.items():
        CHECKS[key](message, wanted)


def addresses(field: str) -> Any:
    def check(message: Message, wanted: list[str]) -> None:
        assert [str(address) for address in getattr(message, field)] == wanted

    return check


def check_text(message: Message, wanted: str) -> None:
    assert message.text.strip() == wanted.strip()


def check_contains(message: Message, wanted: list[str]) -> None:
    for piece in wanted:
        assert piece in message.text


def check_lacks(message: Message, wanted: list[str]) -> None:
    for piece in wanted:
        assert piece not in message.text


def check_new(message: Message, wanted: str) -> None:
    """What is shown of the text, without quotes and signatures; how it is broken into lines does not count."""
    assert plain_lines(read(message).new).split() == wanted.split()


def check_html(message: Message, wanted: bool) -> None:
    assert (message.html is not None) is wanted


def check_html_contains(message: Message, wanted: list[str]) -> None:
    for piece in wanted:
        assert piece in (message.html or "")


def check_date(message: Message, wanted: str) -> None:
    assert (message.date.isoformat() if message.date else "") == wanted


def check_attachments(message: Message, wanted: list[dict[str, Any]]) -> None:
    assert [attachment.filename for attachment in message.attachments] == [entry["name"] for entry in wanted]
    for attachment, entry in zip(message.attachments, wanted, strict=True):
        assert {key: FILE[key](attachment) for key in entry} == entry


def content(file: Attachment) -> str:
    return file.content.decode("utf-8").replace("\r\n", "\n").strip()


def within(file: Attachment) -> str:
    """The text of an attached mail."""
    return parse(file.content).text.strip()


def deepest(file: Attachment) -> str:
    """The text of the mail that is attached to an attached mail."""
    return within(parse(file.content).attachments[0])


FILE: dict[str, Any] = {
    "within": within,
    "deepest": deepest,
    "name": lambda file: file.filename,
    "type": lambda file: file.content_type,
    "size": lambda file: file.size,
    "inline": lambda file: file.inline,
    "content_id": lambda file: file.content_id,
    "content": content,
}


def check_bounce(message: Message, wanted: dict[str, str]) -> None:
    assert message.bounce is not None
    reason = wanted.pop("reason_contains", "")
    assert {key: getattr(message.bounce, key) for key in wanted} == wanted
    assert reason in message.bounce.reason


def plainly(value: Any) -> Any:
    """As a toml file has it."""
    if isinstance(value, tuple):
        return [plainly(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Address) else value


def check_parts(field: str) -> Any:
    def check(message: Message, wanted: dict[str, Any]) -> None:
        found = getattr(message, field)
        assert {key: plainly(getattr(found, key)) for key in wanted} == wanted

    return check


def check_notes_contain(message: Message, wanted: list[str]) -> None:
    for piece in wanted:
        assert any(piece in note for note in message.notes), message.notes


def equal(field: str) -> Any:
    def check(message: Message, wanted: Any) -> None:
        found = getattr(message, field)
        assert (list(found) if isinstance(found, tuple) else found) == wanted

    return check


CHECKS: dict[str, Any] = {
    "subject": equal("subject"),
    "message_id": equal("message_id"),
    "in_reply_to": equal("in_reply_to"),
    "references": equal("references"),
    "from": addresses("from_"),
    "sender": addresses("sender"),
    "reply_to": addresses("reply_to"),
    "to": addresses("to"),
    "cc": addresses("cc"),
    "bcc": addresses("bcc"),
    "date": check_date,
    "text": check_text,
    "text_contains": check_contains,
    "text_lacks": check_lacks,
    "new": check_new,
    "html": check_html,
    "html_contains": check_html_contains,
    "attachments": check_attachments,
    "automatic": equal("automatic"),
    "bounce": check_bounce,
    "thread_index": equal("thread_index"),
    "invitation": check_parts("invitation"),
    "authenticity": check_parts("authenticity"),
    "notes": equal("notes"),
    "notes_contain": check_notes_contain,
}


def test_the_table_names_every_mail_and_no_other() -> None:
    """`docs/mail.md` says what is handled; each claim has a mail that shows it, and each mail its claim."""
    table = [line for line in TABLE.read_text("utf-8").splitlines() if line.startswith("| ") and "`" in line]
    named = [name for line in table for name in re.findall(r"`(\w+)`", line)]
    assert sorted(named) == sorted(path.stem for path in MAILS.glob("*.eml"))
