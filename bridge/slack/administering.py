"""What admins press on Home: templates, agents, the log. Each thing to one verb of `bridge.admins`.

Whoever is no admin is refused there, whatever they press. What is wrong is said at its input, and the modal stays as it
was filled in.
"""

import contextlib

from slack_bolt.async_app import AsyncAck

from bridge.admins import Admins
from bridge.answers import Invalid
from bridge.canned import Template
from bridge.errors import BridgeError
from bridge.model import Named
from bridge.sentences import say
from bridge.slack import canned, setup
from bridge.slack.acting import Acting
from bridge.slack.windows import Body, View, Windows, number_of, option_of, user_of


class Administering:
    """Registers itself with a bolt app."""

    def __init__(self, app: Acting, *, windows: Windows, admins: Admins) -> None:
        self._windows = windows
        self._admins = admins
        app.action("templates")(self.templates)
        app.action("templates_previous")(self.turn)
        app.action("templates_next")(self.turn)
        app.action("new_template")(self.new)
        app.action("template_menu")(self.chosen)
        app.action("preview_template")(self.preview)
        app.view("template")(self.keep)
        app.view("remove_template")(self.remove)
        app.action("agents")(self.agents)
        app.view("agents")(self.name)
        app.action("desk_log")(self.log)

    # --- templates ----------------------------------------------------------------------------------------------------

    async def templates(self, ack: AsyncAck, body: Body) -> None:
        """Templates: all of them, by folder."""
        await ack()

        async def view() -> View:
            return canned.window(await self._admins.templates(user=user_of(body)))

        await self._windows.open(body, say("Templates"), view)

    async def turn(self, ack: AsyncAck, body: Body) -> None:
        """Another page of them, in the place of the one that is shown."""
        await ack()
        try:
            view = canned.window(await self._admins.templates(user=user_of(body)), page=number_of(body))
        except BridgeError as error:
            await self._windows.tell(body, str(error))
        else:
            await self._windows.draw(body, body["view"]["id"], view)

    async def new(self, ack: AsyncAck, body: Body) -> None:
        """New template."""
        await ack()

        async def view() -> View:
            await self._admins.templates(user=user_of(body))
            return canned.form(None)

        await self._windows.open(body, say("New template"), view)

    async def chosen(self, ack: AsyncAck, body: Body) -> None:
        """A template's menu: `verb:key`."""
        await ack()
        verb, _, by = option_of(body).partition(":")
        titles = {"edit": say("Edit template"), "preview": say("Preview"), "remove": say("Remove template")}

        async def view() -> View:
            template = canned.picked(await self._admins.templates(user=user_of(body)), by)
            if verb == "edit":
                return canned.form(template)
            return canned.confirm_remove(template) if verb == "remove" else await self._filled(template, body)

        await self._windows.open(body, titles[verb], view)

    async def preview(self, ack: AsyncAck, body: Body) -> None:
        """Preview, of what is typed so far: on top of the modal that it is typed into."""
        await ack()

        async def view() -> View:
            return await self._filled(canned.typed(body["view"]), body)

        await self._windows.open(body, say("Preview"), view)

    async def keep(self, ack: AsyncAck, body: Body) -> None:
        """Save."""
        template = canned.typed(body["view"])
        try:
            await self._admins.keep(template, user=user_of(body))
        except Invalid as wrong:
            await ack(response_action="errors", errors=wrong.fields)
        except BridgeError as error:
            await ack(response_action="errors", errors={"name": str(error)})
        else:
            await ack()
            await self._show_beneath(body, template)

    async def remove(self, ack: AsyncAck, body: Body) -> None:
        """Yes, remove it."""
        try:
            found = await self._admins.templates(user=user_of(body))
            template = canned.picked(found, body["view"]["private_metadata"])
            await self._admins.remove(template, user=user_of(body))
        except BridgeError as error:
            await ack(response_action="update", view=canned.refusal(str(error)))
        else:
            await ack()
            await self._show_beneath(body, template)

    async def _filled(self, template: Template, body: Body) -> View:
        return canned.preview(*await self._admins.preview(template, user=user_of(body)))

    async def _show_beneath(self, body: Body, template: Template) -> None:
        """Where the list is under the modal that was submitted: as it is now, on the page where the template is."""
        if not (beneath := body["view"].get("previous_view_id")):
            return
        with contextlib.suppress(BridgeError):  # what was done is done
            found = await self._admins.templates(user=user_of(body))
            await self._windows.redraw(beneath, canned.window(found, page=canned.page_of(found, template)))

    # --- agents, and the log ------------------------------------------------------------------------------------------

    async def agents(self, ack: AsyncAck, body: Body) -> None:
        """Agents: who is named."""
        await ack()

        async def view() -> View:
            named, operators = await self._admins.named(user=user_of(body))
            return setup.agents(named, operators=operators)

        await self._windows.open(body, say("Agents"), view)

    async def name(self, ack: AsyncAck, body: Body) -> None:
        """Save: who came in and who went out since the modal was opened."""
        (users, gone), (admins, dismissed) = (setup.moved(body["view"], block) for block in ("users", "admins"))
        add, remove = Named(users=users, admins=admins), Named(users=gone, admins=dismissed)
        try:
            await self._admins.name(add=add, remove=remove, user=user_of(body))
        except Invalid as wrong:
            await ack(response_action="errors", errors=wrong.fields)
        except BridgeError as error:
            await ack(response_action="errors", errors={"users": str(error)})
        else:
            await ack()

    async def log(self, ack: AsyncAck, body: Body) -> None:
        """What was done to the desk."""
        await ack()

        async def view() -> View:
            return setup.log(await self._admins.log(user=user_of(body)))

        await self._windows.open(body, say("Log"), view)
