"""A small app at the other end of the workspace, with cards and modals of the contract's shape, for the page's tests.

It stands where the bridge would: it reads no mail, and what it "sends" it hands to the mail world by SMTP. Run as a
program it opens the page on a free port and stays.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any

import aiosmtplib
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bridge.demo import mails
from bridge.demo.attachments import pdf, png
from bridge.demo.double.slack import SlackDouble
from bridge.demo.page import Page
from bridge.demo.world import World

MANIFEST: dict[str, Any] = {
    "display_information": {"name": "Bridge"},
    "features": {
        "app_home": {"home_tab_enabled": True},
        "bot_user": {"display_name": "Bridge"},
        "slash_commands": [
            {
                "command": "/mail",
                "description": "Search, read, answer mail",
                "usage_hint": "inbox | search WORDS | help",
                "should_escape": True,
            }
        ],
        "shortcuts": [
            {
                "name": "Send as email",
                "type": "message",
                "callback_id": "send_as_email",
                "description": "Send this message",
            },
            {"name": "New email", "type": "global", "callback_id": "new_email", "description": "Write to somebody"},
        ],
    },
    "oauth_config": {
        "scopes": {
            "bot": [
                "chat:write",
                "chat:write.customize",
                "commands",
                "channels:history",
                "channels:read",
                "files:read",
                "files:write",
                "users:read",
            ]
        }
    },
    "settings": {
        "event_subscriptions": {"bot_events": ["app_home_opened"]},
        "interactivity": {"is_enabled": True},
        "socket_mode_enabled": True,
    },
}

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": True}


def words(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def button(action_id: str, text: str, *, style: str | None = None, **more: Any) -> Json:
    return {
        "type": "button",
        "action_id": action_id,
        "text": plain(text),
        "value": "1042",
        **({"style": style} if style else {}),
        **more,
    }


def card(number: int, subject: str, author: str, *, status: str, owner: str = "nobody yet") -> list[Json]:
    more = [
        ("reply_all", "Reply to all"),
        ("forward", "Forward…"),
        ("snooze", "Snooze…"),
        ("spam", "Move to spam"),
        ("delete", "Delete…"),
    ]
    close = {
        "title": plain("Close this conversation?"),
        "text": words("Nothing is sent. It opens again when the customer writes."),
        "confirm": plain("Close it"),
        "deny": plain("Not yet"),
    }
    return [
        {"type": "section", "text": words(f"*{subject}*\n{author}")},
        {
            "type": "context",
            "elements": [words(f":large_green_circle: {status}   ·   #{number}   ·   Owner: {owner}   ·   1 file")],
        },
        {
            "type": "actions",
            "elements": [
                button("reply", "Reply", style="primary"),
                button("claim", "Claim"),
                button("close", "Close", confirm=close),
                {
                    "type": "overflow",
                    "action_id": "more",
                    "options": [{"text": plain(label), "value": f"{verb}:{number}"} for verb, label in more],
                },
            ],
        },
    ]


def field(block_id: str, label: str, element: Json, *, optional: bool = False) -> Json:
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(label),
        "element": {"action_id": "value", **element},
        "optional": optional,
    }


def compose(to: str, subject: str) -> Json:
    option = {"text": plain("Quote the original below"), "value": "quote"}
    original = {"text": plain("Fernhill-invoice-FH-2031.pdf"), "value": "0", "description": plain("PDF, 1 KB")}
    mailbox = {"text": plain("Fernhill Coffee <hello@fernhill.example.com>"), "value": "support"}
    return {
        "type": "modal",
        "callback_id": "compose",
        "title": plain("Reply to #1042"),
        "submit": plain("Check and send"),
        "close": plain("Cancel"),
        "notify_on_close": True,
        "blocks": [
            field("mailbox", "From", {"type": "static_select", "options": [mailbox], "initial_option": mailbox}),
            field("to", "To", {"type": "plain_text_input", "initial_value": to}),
            field("cc", "Cc", {"type": "plain_text_input", "placeholder": plain("name@example.com, …")}, optional=True),
            field("subject", "Subject", {"type": "plain_text_input", "initial_value": subject}),
            field("body", "Message", {"type": "rich_text_input", "placeholder": plain("Write your answer")}),
            field("files", "Files", {"type": "file_input", "max_files": 10}, optional=True),
            field("originals", "Files of the original", {"type": "checkboxes", "options": [original]}, optional=True),
            field(
                "quote",
                "Options",
                {"type": "checkboxes", "options": [option], "initial_options": [option]},
                optional=True,
            ),
        ],
    }


def text_of(rich: Json) -> str:
    """The words of a rich_text block, a line per section."""

    def inner(part: Json) -> str:
        return (
            str(part.get("text") or part.get("url") or "")
            if "elements" not in part
            else "".join(map(inner, part["elements"]))
        )

    return "\n".join(inner(element) for element in rich["elements"])


class Standin:
    """Double, world, page and app, wired."""

    def __init__(self) -> None:
        self.double = SlackDouble(manifest=MANIFEST)
        self.world, self.intake = World(), World()
        space = self.double.workspace
        space.team_name = "Fernhill Coffee"
        self.maya = str(space.add_user("maya", real_name="Maya Chen")["id"])
        self.jonas = str(space.add_user("jonas", real_name="Jonas Weber")["id"])
        self.guest = str(space.add_user("noor", real_name="Noor Haddad", is_restricted=True)["id"])
        people = [self.maya, self.jonas, space.bot_user_id]
        self.support = str(space.add_channel("support", members=[*people, self.guest])["id"])
        self.orders = str(space.add_channel("orders", members=people)["id"])
        self.passed: list[timedelta] = []
        self.page = Page(
            self.double,
            self.world,
            customers=mails.CUSTOMERS,
            mailboxes=[mails.SHOP],
            manifest=MANIFEST,
            later=self.passed.append,
            port=0,
        )
        self.submitted: list[Json] = []

    async def start(self) -> None:
        await self.double.start()
        await self.world.start()
        await self.intake.start()
        self.world.intake = (self.intake.host, self.intake.port)
        self.intake.faults.recipients = {address.email: "550 5.1.1 Not here" for address in mails.CUSTOMERS}
        await self.page.start()
        self.app = AsyncApp(client=AsyncWebClient(self.double.bot_token, base_url=self.double.url))
        self._listen()
        self._socket = AsyncSocketModeHandler(self.app, self.double.app_token)
        await self._socket.connect_async()  # type: ignore[no-untyped-call]
        await self.double.sockets.until(lambda: self.double.sockets.count > 0)
        for sample in mails.samples(at=datetime.now(UTC)):
            await self.world.hand_over(sample.raw, sender=sample.sender, recipients=sample.recipients)
        await self._post()

    async def stop(self) -> None:
        await self._socket.close_async()  # type: ignore[no-untyped-call]
        for part in (self.page, self.double, self.world, self.intake):
            await part.stop()

    async def _post(self) -> None:
        client = self.app.client
        await client.chat_postMessage(
            channel=self.support,
            text="card",
            blocks=card(
                1041,
                "원두 정기배송 주소 변경 문의드립니다",
                "김민서 <mailto:minseo.kim@example.net|minseo.kim@example.net>",
                status="Waiting for the customer",
                owner=f"<@{self.jonas}>",
            ),
        )
        posted = await client.chat_postMessage(
            channel=self.support,
            text="card",
            blocks=card(
                1042,
                "Order 10482: two bags missing from today's delivery",
                "Dana Reyes <mailto:dana.reyes@example.com|dana.reyes@example.com>",
                status="Open",
            ),
        )
        self.card_ts = str(posted["ts"])
        mail = (
            "Hi Fernhill team,\n\nour office order arrived this morning, but *two of the six bags* are missing:\n\n"
            "• 1 x Fernhill House Blend, 1 kg\n• 1 x Decaf Huila, 500 g\n\n> The packing slip lists all six\n\n"
            "Thanks a lot,\nDana <https://example.com|example.com> `10482` &lt;b&gt;"
        )
        await client.chat_postMessage(
            channel=self.support,
            thread_ts=self.card_ts,
            text=mail,
            username="Dana Reyes",
            icon_emoji=":envelope:",
            blocks=[
                {"type": "section", "text": words(mail)},
                {"type": "context", "elements": [words("from dana.reyes@example.com to hello@fernhill.example.com")]},
            ],
        )
        space = self.double.workspace
        for name, content in (
            ("invoice-FH-2031.pdf", pdf(["Invoice"])),
            ("label.png", png(320, 140, lambda x, y: (200 - y // 2, 150 + x // 8, 120))),
        ):
            file = space.add_file(name, content, user=space.bot_user_id)
            space.share(
                self.support,
                [file.id],
                {"user": space.bot_user_id, "bot_id": space.bot_id, "text": "", "thread_ts": self.card_ts},
            )
        await self.double.person(self.jonas).say(
            self.support, "The driver says there is a *second parcel*, due tomorrow.", thread_ts=self.card_ts
        )
        await client.chat_postMessage(channel=self.orders, text="Good morning :coffee:")

    def _listen(self) -> None:
        app = self.app

        @app.action("reply")
        @app.shortcut("new_email")
        async def _(ack: Any, body: Json, client: Any) -> None:
            await ack()
            loading = {
                "type": "modal",
                "callback_id": "compose",
                "title": plain("Reply"),
                "blocks": [{"type": "section", "text": plain("Loading the conversation…")}],
            }
            opened = await client.views_open(trigger_id=body["trigger_id"], view=loading)
            await client.views_update(
                view_id=opened["view"]["id"], view=compose("Dana Reyes <dana.reyes@example.com>", "Re: Order 10482")
            )

        @app.view("compose")
        async def _(ack: Any, body: Json) -> None:
            values = body["view"]["state"]["values"]
            self.submitted.append(values)
            if "@" not in values["to"]["value"]["value"]:
                await ack(response_action="errors", errors={"to": "This is no mail address."})
                return
            buttons = {
                "type": "actions",
                "elements": [button("send_now", "Send now", style="primary"), button("cancel_send", "Undo")],
            }
            shown = [{"type": "section", "text": words("*Leaves in 10 seconds*\nTo: dana.reyes@example.com")}, buttons]
            await ack(
                response_action="update",
                view={
                    "type": "modal",
                    "callback_id": "sent",
                    "title": plain("Sending"),
                    "close": plain("Done"),
                    "blocks": shown,
                },
            )

        @app.action("send_now")
        async def _(ack: Any) -> None:
            await ack()
            mail = EmailMessage()
            mail["From"], mail["To"], mail["Subject"] = str(mails.SHOP), str(mails.DANA), "Re: Order 10482"
            mail["Message-ID"] = make_msgid(domain="fernhill.example.com")
            mail["Date"] = datetime.now(UTC)
            text = text_of(self.submitted[-1]["body"]["value"]["rich_text_value"])
            mail.set_content(text)
            mail.add_alternative(f"<p>{text}</p><script>document.title='ran'</script>", subtype="html")
            await aiosmtplib.send(mail, hostname=self.world.host, port=self.world.port, start_tls=False)

        @app.action("claim")
        async def _(ack: Any, body: Json, client: Any) -> None:
            await ack()
            blocks = card(
                1042,
                "Order 10482: two bags missing from today's delivery",
                "Dana Reyes <mailto:dana.reyes@example.com|dana.reyes@example.com>",
                status="Open",
                owner=f"<@{body['user']['id']}>",
            )
            await client.chat_update(channel=self.support, ts=body["message"]["ts"], text="card", blocks=blocks)

        @app.action("more")
        async def _(ack: Any, body: Json, respond: Any) -> None:
            await ack()
            await respond(
                text=f"Chosen: {body['actions'][0]['selected_option']['value']}",
                response_type="ephemeral",
                replace_original=False,
            )

        @app.command("/mail")
        async def _(ack: Any, command: Json) -> None:
            await ack(
                text=f"*2 conversations* match `{command['text']}`\n• #1042 Order 10482\n• #1041 주소 변경",
                response_type="ephemeral",
            )

        @app.event("app_home_opened")
        async def _(event: Json, client: Any) -> None:
            blocks = [
                {"type": "header", "text": plain("Your conversations")},
                {"type": "section", "text": words("*#1042* Order 10482"), "accessory": button("reply", "Reply")},
                {"type": "divider"},
                {"type": "section", "fields": [words("*Open*\n4"), words("*Waiting*\n2")]},
            ]
            await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})


async def main() -> None:
    standin = Standin()
    await standin.start()
    print(standin.page.url, flush=True)  # noqa: T201 - a program for the terminal
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
