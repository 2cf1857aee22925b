"""What rules name that there is not: channels, people, templates and webhooks; for `bridge check`. Changes nothing."""

from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass

from bridge.config import Settings
from bridge.errors import BridgeError, Permanent
from bridge.routing.matching import Rule
from bridge.slack.gateway import Gateway
from bridge.store import rulings, templates
from bridge.store.database import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Amiss:
    """What is wrong with a rule, in a sentence, and what to do."""

    rule: str
    says: str
    fix: str


async def in_force(settings: Settings, store: Store | None) -> list[Rule]:
    """The rules that act: those of the settings, and those that admins made, where the store can be asked."""
    found = [one.rule for one in settings.rules]
    if store:
        async with store.read() as conn:
            found += [one.rule for one in await rulings.listed(conn) if one.is_on]
    return found


async def amiss(rules: Iterable[Rule], *, settings: Settings, store: Store | None, gateway: Gateway) -> list[Amiss]:
    """All that is wrong with them. Raises Temporary where Slack does not answer."""
    names = {one.name.casefold() for one in settings.templates}
    if store:
        async with store.read() as conn:
            names |= {one.name.casefold() for one in await templates.every(conn)}
    return [
        Amiss(rule=rule.name, says=says, fix=fix)
        for rule in rules
        for says, fix in [
            *_named(rule, templates=names, webhooks=settings.webhooks),
            *[one async for one in _in_slack(rule, gateway)],
        ]
    ]


def _named(rule: Rule, *, templates: Collection[str], webhooks: Collection[str]) -> list[tuple[str, str]]:
    template, webhook = rule.then.template, rule.then.webhook
    found = []
    if template and template.casefold() not in templates:
        found.append((f"It names the template {template}, which there is not.", "Make it, or name another."))
    if webhook and webhook not in webhooks:
        found.append((f"It names the webhook {webhook}, which there is not.", "Give its address under [webhooks]."))
    return found


async def _in_slack(rule: Rule, gateway: Gateway) -> AsyncIterator[tuple[str, str]]:
    if rule.then.channel:
        try:
            channel = await gateway.channel(await gateway.resolve_channel(rule.then.channel))
        except Permanent as error:
            yield str(error), "Name a channel that the bot is in."
        except BridgeError:
            yield f"The bot sees no channel {rule.then.channel}.", "Correct it, or invite the bot there."
        else:
            if channel.is_archived or channel.is_shared or not channel.is_member:
                why = (
                    "archived" if channel.is_archived else "shared outside" if channel.is_shared else "without the bot"
                )
                yield f"Its channel #{channel.name} is {why}.", "Mend that, or name another."
    for user in rule.then.owners:
        try:
            person = await gateway.user(user)
        except Permanent:
            yield f"It names {user}, whom Slack does not know.", "Name people of this workspace."
        else:
            if person.is_guest or person.is_bot or person.deleted:
                yield f"It names {person.name}, who may not handle mail.", "Name full members of this workspace."
