"""conversations.* and users.conversations: channels, who is in them, and what was said."""

from typing import Any

from bridge.demo.double.refusals import SlackRefusal
from bridge.demo.double.site import Arguments, Site, family, page
from bridge.demo.double.stored import Json

_KINDS = {"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}


async def history(site: Site, args: Arguments) -> Json:
    """conversations.history: the top level, newest first."""
    (channel_id,) = args.required("channel")
    site.need_for(site.joined(channel_id), to="history")
    standing = [message for message in site.workspace.history(channel_id) if _is_out(site, message)]
    newest_first = [message for message in reversed(standing) if _wanted(message, args)]
    messages, following = page(newest_first, args, key="ts")
    shown = [_shown(message, args) for message in messages]
    return {
        "messages": shown,
        "has_more": bool(following["next_cursor"]),
        "pin_count": 0,
        "response_metadata": following,
    }


async def replies(site: Site, args: Arguments) -> Json:
    """conversations.replies: the parent, then its replies, oldest first; for a reply's own ts that reply alone."""
    channel_id, ts = args.required("channel", "ts")
    site.need_for(site.joined(channel_id), to="history")
    parent = site.workspace.message(channel_id, ts)
    if parent is None:
        raise SlackRefusal("thread_not_found")
    standing = [message for message in site.workspace.replies(channel_id, ts) if _is_out(site, message)]
    wanted = [message for message in standing if _wanted(message, args)]
    messages, following = page([parent, *wanted], args, key="ts")
    return {
        "messages": [_shown(message, args) for message in messages],
        "has_more": bool(following["next_cursor"]),
        "response_metadata": following,
    }


def _is_out(site: Site, message: Json) -> bool:
    """Whether a message shows by now: Slack's history may lag behind what was posted."""
    lags = site.faults.lags
    return not lags or float(message["ts"]) <= site.workspace.clock() - lags  # a `ts` may run ahead of the clock


async def info(site: Site, args: Arguments) -> Json:
    """conversations.info."""
    (channel_id,) = args.required("channel")
    channel = site.seen(channel_id)
    site.need_for(channel, to="read")
    told = _told(site, channel)
    if args.flag("include_num_members"):
        told["num_members"] = len(site.workspace.members(channel_id))
    return {"channel": told}


async def listed(site: Site, args: Arguments) -> Json:
    """conversations.list: what the app can see, of the kinds asked for."""
    channels, following = page(_of_kinds(site, args), args, key="id")
    return {"channels": [_told(site, channel) for channel in channels], "response_metadata": following}


async def of_user(site: Site, args: Arguments) -> Json:
    """users.conversations: what a person (the app itself if none is named) is in, as far as the app can see it."""
    user = args.text("user", site.workspace.bot_user_id)
    if user not in site.workspace.users:
        raise SlackRefusal("user_not_found")
    theirs = [channel for channel in _of_kinds(site, args) if user in site.workspace.members(channel["id"])]
    channels, following = page(theirs, args, key="id")
    return {"channels": [_told(site, channel) for channel in channels], "response_metadata": following}


async def members(site: Site, args: Arguments) -> Json:
    """conversations.members."""
    (channel_id,) = args.required("channel")
    site.need_for(site.seen(channel_id), to="read")
    people = [{"id": user} for user in site.workspace.members(channel_id)]
    shown, following = page(people, args, key="id")
    return {"members": [person["id"] for person in shown], "response_metadata": following}


async def join(site: Site, args: Arguments) -> Json:
    """conversations.join: public channels only."""
    (channel_id,) = args.required("channel")
    channel = site.seen(channel_id)
    if channel["is_private"]:
        raise SlackRefusal("method_not_supported_for_channel_type")
    if channel["is_archived"]:
        raise SlackRefusal("is_archived")
    already = site.is_member(channel_id)
    site.workspace.join(channel_id, site.workspace.bot_user_id)
    told: Json = {"channel": _told(site, channel)}
    return {**told, "warning": "already_in_channel"} if already else told


async def opened(site: Site, args: Arguments) -> Json:
    """conversations.open: the direct channel to one person."""
    if "channel" in args:
        return {"channel": {"id": site.seen(args.text("channel"))["id"]}}
    users = [user for user in args.text("users").split(",") if user]
    if not users:
        raise SlackRefusal("users_list_not_supplied")
    if len(users) > 1:
        raise SlackRefusal("invalid_user_combination")
    site.need("im:write")
    person = site.workspace.users.get(users[0])
    if person is None:
        raise SlackRefusal("user_not_found")
    if person["deleted"]:
        raise SlackRefusal("user_disabled")
    channel = site.workspace.channels[site.workspace.direct(users[0])]
    return {"channel": _told(site, channel) if args.flag("return_im") else {"id": channel["id"]}}


def _of_kinds(site: Site, args: Arguments) -> list[Json]:
    """The channels that the app can see, of the kinds in `types`. Raises invalid_types or missing_scope."""
    kinds = args.text("types", "public_channel").split(",")
    families = set()
    for kind in kinds:
        if kind.strip() not in _KINDS:
            raise SlackRefusal("invalid_types")
        families.add(_KINDS[kind.strip()])
    for name in sorted(families):
        site.need(f"{name}:read")
    skip_archived = args.flag("exclude_archived")
    return [
        channel
        for channel in site.workspace.channels.values()
        if family(channel) in families
        and not (skip_archived and channel["is_archived"])
        and (not channel["is_private"] or site.is_member(channel["id"]))
    ]


def _told(site: Site, channel: Json) -> Json:
    return {**channel, "is_member": site.is_member(channel["id"])}


def _wanted(message: Json, args: Arguments) -> bool:
    oldest, latest = (_time(args, name) for name in ("oldest", "latest"))
    ts = _number(message["ts"])
    if args.flag("inclusive"):
        return (oldest is None or ts >= oldest) and (latest is None or ts <= latest)
    return (oldest is None or ts > oldest) and (latest is None or ts < latest)


def _time(args: Arguments, name: str) -> tuple[int, int] | None:
    value = args.text(name)
    if not value or value == "0":
        return None
    try:
        return _number(value)
    except ValueError:
        raise SlackRefusal(f"invalid_ts_{name}") from None


def _number(ts: str) -> tuple[int, int]:
    """A timestamp as whole seconds and microseconds: a float would lose digits."""
    seconds, _, fraction = ts.partition(".")
    return int(seconds), int(fraction[:6].ljust(6, "0") if fraction else 0)


def _shown(message: Json, args: Arguments) -> dict[str, Any]:
    """A message as read back: its metadata only where it was asked for."""
    if args.flag("include_all_metadata"):
        return message
    return {key: value for key, value in message.items() if key != "metadata"}
