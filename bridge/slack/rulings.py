"""What admins press about rules, each to one verb of `bridge.routing.ruling`. Whoever is no admin is refused there."""

import asyncio
import contextlib

from slack_bolt.async_app import AsyncAck

from bridge.answers import Invalid
from bridge.errors import BridgeError
from bridge.model import UserId
from bridge.routing.matching import Rule
from bridge.routing.ruling import NoAgent, Rules
from bridge.sentences import say
from bridge.slack import modals, ruleform, ruling
from bridge.slack.acting import Acting
from bridge.slack.gateway import Gateway
from bridge.slack.ruling import Shown
from bridge.slack.unreadable import number_in
from bridge.slack.windows import Body, View, Windows, number_of, option_of, parts_of, user_of, value_of

AT_ONCE = 1.0
"""Seconds that trying a rule may take for the answer to the submission to show it: Slack waits for three."""

SHOWN = 1.0
"""Seconds until what a submission was answered with surely shows: what is drawn before would be drawn over by it."""


class Rulings:
    """Registers itself with a bolt app."""

    def __init__(self, app: Acting, *, gateway: Gateway, windows: Windows, rules: Rules) -> None:
        self._gateway = gateway
        self._windows = windows
        self._rules = rules
        app.action("rules")(self.rules)
        app.action("new_rule")(self.new)
        app.action("rule_menu")(self.chosen)
        app.action("switch_rule_on")(self.switch_on)
        app.action("remove_rule")(self.remove)
        app.view("rule")(self.keep)

    async def rules(self, ack: AsyncAck, body: Body) -> None:
        """Rules: all of them, in their order."""
        await ack()

        async def view() -> View:
            return ruling.window(await self._rules.listed(user=user_of(body)))

        await self._windows.open(body, say("Rules"), view)

    async def new(self, ack: AsyncAck, body: Body) -> None:
        """New rule."""
        await ack()

        async def view() -> View:
            return await self._form(None, None, user=user_of(body))

        await self._windows.open(body, say("New rule"), view)

    async def chosen(self, ack: AsyncAck, body: Body) -> None:
        """A rule's menu: `verb:id`, or `try:file:name`."""
        await ack()
        verb, _, which = option_of(body).partition(":")
        if verb in ("edit", "try"):
            await self._look(body, verb, which)
            return
        user = user_of(body)
        try:
            if verb == "off":
                await self._rules.switch_off(number_in(which), user=user)
            else:
                await self._rules.move(number_in(which), by=-1 if verb == "up" else 1, user=user)
            view = ruling.window(await self._rules.listed(user=user))
        except BridgeError as error:
            view = modals.notice(say("Rules"), str(error))
        await self._windows.draw(body, body["view"]["id"], view)

    async def _look(self, body: Body, verb: str, which: str) -> None:
        user = user_of(body)

        async def view() -> View:
            if which.startswith("file:"):
                rule = await self._rules.of_file(which.removeprefix("file:"), user=user)
                return await self._trial(Shown(rule=rule), user=user)
            found = await self._rules.get(number_in(which), user=user)
            if verb == "edit":
                return await self._form(found.rule, found.id, user=user)
            return await self._trial(Shown(rule=found.rule, id=found.id, is_on=found.is_on), user=user)

        await self._windows.open(body, say("Edit rule") if verb == "edit" else say("Try it"), view)

    async def keep(self, ack: AsyncAck, body: Body) -> None:
        """Save and try: it is kept, off, and what it would have matched takes the modal's place."""
        user, rule_id = user_of(body), ruleform.rule_id_of(body["view"])
        try:
            rule = ruleform.typed(body["view"])
            kept = await self._rules.keep(rule, rule_id=rule_id, user=user)
        except (Invalid, ruleform.Unwritten) as wrong:
            await ack(response_action="errors", errors=wrong.fields)
            return
        except BridgeError as error:
            await ack(response_action="errors", errors={"name": str(error)})
            return
        trial = asyncio.create_task(self._tried(Shown(rule=rule, id=kept, is_on=False), user=user))
        if (await asyncio.wait([trial], timeout=AT_ONCE))[0]:
            await ack(response_action="update", view=trial.result())
        else:
            await ack(response_action="update", view=modals.loading(say("Try it")))
            view = await trial
            await asyncio.sleep(SHOWN)
            await self._windows.draw(body, body["view"]["id"], view)
        await self._show_beneath(body)

    async def _tried(self, one: Shown, *, user: UserId) -> View:
        try:
            return await self._trial(one, user=user)
        except BridgeError as error:
            return modals.notice(say("Try it"), str(error))

    async def switch_on(self, ack: AsyncAck, body: Body) -> None:
        """Switch on, below what it would have matched."""
        await ack()
        try:
            rule_id, seen = parts_of(value_of(body), count=2)
            await self._rules.switch_on(number_in(rule_id), seen=seen, user=user_of(body))
            told = say("It is on: it acts on mail that comes in from now on.")
        except BridgeError as error:
            told = str(error)
        await self._windows.draw(body, body["view"]["id"], modals.notice(say("Try it"), told), otherwise=told)
        await self._show_beneath(body)

    async def remove(self, ack: AsyncAck, body: Body) -> None:
        """Remove this rule, and yes."""
        await ack()
        try:
            await self._rules.remove(number_of(body), user=user_of(body))
            told = say("The rule is removed.")
        except BridgeError as error:
            told = str(error)
        await self._windows.draw(body, body["view"]["id"], modals.notice(say("Edit rule"), told), otherwise=told)
        await self._show_beneath(body)

    async def _form(self, rule: Rule | None, rule_id: int | None, *, user: UserId) -> View:
        choices = await self._rules.choices(user=user)
        return ruleform.form(
            rule,
            rule_id=rule_id,
            mailboxes=choices.mailboxes,
            templates=choices.templates,
            webhooks=choices.webhooks,
        )

    async def _trial(self, one: Shown, *, user: UserId) -> View:
        try:
            tried = await self._rules.try_out(one.rule, user=user)
        except NoAgent as why:
            return ruling.untried(one, str(why))
        return ruling.trial(
            one,
            tried.matched,
            of=tried.of,
            unknown=tried.unknown,
            known=await self._rules.seen(tried.matched, user=user),
            workspace=(await self._gateway.me()).url,
        )

    async def _show_beneath(self, body: Body) -> None:
        """The list under the modal, as it is now."""
        beneath = body["view"].get("root_view_id")
        if not beneath or beneath == body["view"]["id"]:
            return
        with contextlib.suppress(BridgeError):  # what was done is done
            await self._windows.redraw(beneath, ruling.window(await self._rules.listed(user=user_of(body))))
