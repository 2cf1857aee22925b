"""One agent on the stage, and the questions that stories ask: what stands in the channel, what can be pressed."""

import email
import email.policy
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from typing import Any, TypeVar

from bridge.demo.double.people import Person
from bridge.demo.mails import SHOP
from bridge.demo.stage import CHANNEL, MINA, Stage

T = TypeVar("T")

DANA = "Dana Reyes <dana@example.com>"
ENOUGH = 20.0  # seconds a condition may take on a slow machine; nothing ever waits that long for its own sake


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object within a message, a view or a part of one."""
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(child)


def said(message: dict[str, Any]) -> str:
    """All the words of a message's blocks."""
    words = [node["text"] for node in nodes(message.get("blocks") or []) if isinstance(node.get("text"), str)]
    return "\n".join(words) or str(message.get("text", ""))


def marked(tree: Any) -> list[str]:
    """The texts in which Slack would see a meaning."""
    return [node["text"] for node in nodes(tree) if node.get("type") == "mrkdwn"]


def actions(tree: Any) -> list[str]:
    """The action_ids of everything that can be pressed."""
    return [node["action_id"] for node in nodes(tree) if "action_id" in node]


def rich(text: str, **style: bool) -> dict[str, Any]:
    """A rich text of one section."""
    element: dict[str, Any] = {"type": "text", "text": text}
    if style:
        element["style"] = style
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [element]}]}


def cards_alone(stage: Stage) -> list[dict[str, Any]]:
    """The cards, and nothing else of what the bridge says in the channel."""
    found = []
    for one in stage.slack.workspace.history(CHANNEL):
        key = one.get("metadata", {}).get("event_payload", {}).get("key", "")
        if key.startswith("card:"):
            found.append(one)
    return found


class Desk:
    """One agent at the stage, with the questions that stories ask."""

    def __init__(self, stage: Stage, user: str = MINA) -> None:
        self.stage = stage
        self.person: Person = stage.slack.person(user)

    def cards(self) -> list[dict[str, Any]]:
        return [one for one in self.stage.slack.workspace.history(CHANNEL) if one.get("bot_id")]

    def card(self, words: str = "") -> dict[str, Any] | None:
        return next((one for one in self.cards() if words in said(one)), None)

    def thread(self, card: dict[str, Any]) -> list[dict[str, Any]]:
        return [one for one in self.stage.slack.workspace.replies(CHANNEL, card["ts"]) if one["ts"] != card["ts"]]

    def line(self, card: dict[str, Any], words: str) -> dict[str, Any] | None:
        return next((one for one in self.thread(card) if words in said(one)), None)

    async def sees(self, look: Callable[[], T]) -> T:
        return await self.person.sees(look, timeout=ENOUGH)

    async def sees_card(self, words: str) -> dict[str, Any]:
        card = await self.sees(lambda: self.card(words))
        assert card
        return card

    async def opens(self, card: dict[str, Any], action: str = "reply") -> dict[str, Any]:
        """Press Reply (or choose from the menu) and wait for the compose modal."""
        if action == "reply":
            await self.person.click(CHANNEL, card["ts"], "reply")
        else:
            number = next(node["value"] for node in nodes(card) if str(node.get("value", "")).isdigit())
            await self.person.choose(CHANNEL, card["ts"], "more", f"{action}:{number}")
        return await self.sees_compose()

    async def sees_compose(self) -> dict[str, Any]:
        def compose() -> dict[str, Any] | None:
            view = self.person.view()
            return view if view and view.get("callback_id") == "compose" else None

        view = await self.sees(compose)
        assert view
        return view


def initial(view: dict[str, Any], block_id: str) -> Any:
    """What a modal's input was filled with."""
    element = next(one["element"] for one in view["blocks"] if one.get("block_id") == block_id)
    return element.get("initial_value", element.get("initial_options", ""))


async def received(stage: Stage, address: str, count: int = 1) -> EmailMessage:
    """The newest mail that a customer got, once there are that many."""
    person = stage.slack.person(MINA)
    await person.sees(lambda: len(stage.world.inbox[address]) >= count, timeout=ENOUGH)
    found = email.message_from_bytes(stage.world.inbox[address][-1], policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


async def ask(stage: Stage, **changes: Any) -> str:
    mail = {"from_": DANA, "to": SHOP.email, "subject": "Two bags are missing", "text": "Hello,\n\nwhere are they?\n"}
    return await stage.world.write(**(mail | changes))


def came_back(
    ours: EmailMessage, recipient: str, *, status: str = "5.1.1", words: str = "550 5.1.1 No such user"
) -> bytes:
    """A delivery report (RFC 3464) for one recipient."""
    return f"""\
From: Mail Delivery System <mailer-daemon@mx.example.com>
To: {SHOP.email}
Subject: Undelivered Mail Returned to Sender
Message-ID: <bounce-{status}@mx.example.com>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

I could not deliver your message.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; {recipient}
Action: failed
Status: {status}
Diagnostic-Code: smtp; {words}

--b
Content-Type: message/rfc822

Message-ID: {ours["Message-ID"]}
From: {SHOP.email}
To: {recipient}
Subject: {ours["Subject"]}

Words

--b--
""".replace("\n", "\r\n").encode()
