"""auth.*, team.*, users.*, reactions.*, bookmarks.* and apps.*: small questions and small marks."""

import re

from bridge.demo.double.refusals import SlackRefusal
from bridge.demo.double.site import Arguments, Site, page
from bridge.demo.double.stored import Json

_EMOJI = re.compile(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?\Z")
_LINK = re.compile(r"https?://\S+\Z")
BOOKMARKS_MOST = 100


async def auth_test(site: Site, _args: Arguments) -> Json:
    """auth.test."""
    workspace = site.workspace
    return {
        "url": f"https://{workspace.domain}.slack.com/",
        "team": workspace.team_name,
        "user": workspace.users[workspace.bot_user_id]["name"],
        "team_id": workspace.team_id,
        "user_id": workspace.bot_user_id,
        "bot_id": workspace.bot_id,
        "is_enterprise_install": False,
    }


async def open_connection(site: Site, _args: Arguments) -> Json:
    """apps.connections.open: an address for one socket, good for one handshake."""
    return {"url": site.open_socket_url()}


async def team_info(site: Site, args: Arguments) -> Json:
    """team.info, of this workspace alone."""
    if args.text("team", site.workspace.team_id) != site.workspace.team_id:
        raise SlackRefusal("team_not_found")
    workspace = site.workspace
    team = {"id": workspace.team_id, "name": workspace.team_name, "domain": workspace.domain, "email_domain": ""}
    return {"team": {**team, "url": f"https://{workspace.domain}.slack.com/", "icon": {"image_default": True}}}


async def user_info(site: Site, args: Arguments) -> Json:
    """users.info."""
    (user_id,) = args.required("user")
    if user_id not in site.workspace.users:
        raise SlackRefusal("user_not_found")
    return {"user": _told(site, site.workspace.users[user_id])}


async def user_list(site: Site, args: Arguments) -> Json:
    """users.list."""
    users, following = page(list(site.workspace.users.values()), args, key="id")
    told = [_told(site, user) for user in users]
    return {"members": told, "cache_ts": int(site.workspace.clock()), "response_metadata": following}


async def user_by_email(site: Site, args: Arguments) -> Json:
    """users.lookupByEmail."""
    (email,) = args.required("email")
    for user in site.workspace.users.values():
        if user["profile"]["email"].lower() == email.lower() and not user["deleted"]:
            return {"user": _told(site, user)}
    raise SlackRefusal("users_not_found")


async def add_reaction(site: Site, args: Arguments) -> Json:
    """reactions.add."""
    channel, ts, name = _reaction(site, args)
    if not site.workspace.react(channel, ts, user=site.workspace.bot_user_id, name=name):
        raise SlackRefusal("already_reacted")
    return {}


async def remove_reaction(site: Site, args: Arguments) -> Json:
    """reactions.remove: the app's own."""
    channel, ts, name = _reaction(site, args)
    if not site.workspace.unreact(channel, ts, user=site.workspace.bot_user_id, name=name):
        raise SlackRefusal("no_reaction")
    return {}


async def get_reactions(site: Site, args: Arguments) -> Json:
    """reactions.get."""
    if "channel" not in args or "timestamp" not in args:
        raise SlackRefusal("no_item_specified")
    channel, ts = args.required("channel", "timestamp")
    site.seen(channel)
    return {"type": "message", "channel": channel, "message": site.found(channel, ts)}


async def add_bookmark(site: Site, args: Arguments) -> Json:
    """bookmarks.add: links."""
    channel, title, kind = args.required("channel_id", "title", "type")
    site.joined(channel)
    if kind != "link":
        raise SlackRefusal("invalid_bookmark_type")
    link = args.text("link")
    if not _LINK.match(link):
        raise SlackRefusal("invalid_link")
    shown = site.workspace.bookmarks.setdefault(channel, [])
    if len(shown) >= BOOKMARKS_MOST:
        raise SlackRefusal("too_many_bookmarks")
    bookmark = {
        "id": site.workspace.new_id("Bk"),
        "channel_id": channel,
        "title": title,
        "link": link,
        "type": kind,
        "emoji": args.text("emoji"),
        "date_created": int(site.workspace.clock()),
        "app_id": site.workspace.app_id,
    }
    shown.append(bookmark)
    return {"bookmark": bookmark}


async def list_bookmarks(site: Site, args: Arguments) -> Json:
    """bookmarks.list."""
    (channel,) = args.required("channel_id")
    site.joined(channel)
    return {"bookmarks": list(site.workspace.bookmarks.get(channel, []))}


def _reaction(site: Site, args: Arguments) -> tuple[str, str, str]:
    (name,) = args.required("name")
    if "channel" not in args or "timestamp" not in args:
        raise SlackRefusal("no_item_specified")
    channel, ts = args.required("channel", "timestamp")
    if not _EMOJI.match(name.strip(":")):
        raise SlackRefusal("invalid_name")
    site.writable(channel)
    site.found(channel, ts)
    return channel, ts, name.strip(":")


def _told(site: Site, user: Json) -> Json:
    """A user object; the address only with the scope for addresses."""
    if "users:read.email" in site.scopes:
        return user
    return {**user, "profile": {key: value for key, value in user["profile"].items() if key != "email"}}
