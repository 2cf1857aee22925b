"""chat.*: posting, changing and deleting messages; and what an app posts to a `response_url`."""

from typing import Any

from bridge.demo.double.blockkit import check_message_blocks
from bridge.demo.double.markup import stored
from bridge.demo.double.refusals import SlackRefusal
from bridge.demo.double.screens import name_blocks
from bridge.demo.double.site import RESPONSE_SECONDS, RESPONSE_USES, Arguments, ResponseUrl, Site
from bridge.demo.double.stored import Json

TEXT_MOST = 40_000  # characters; chat.postMessage cuts what is longer
UPDATE_TEXT_MOST = 4_000  # characters; chat.update refuses what is longer
MARKDOWN_MOST = 12_000  # characters of markdown_text
ATTACHMENTS_MOST = 100
METADATA_MOST = 16_384  # characters of JSON; Slack names no figure
UNSHOWN = "This content can't be displayed."


async def post_message(site: Site, args: Arguments) -> Json:
    """chat.postMessage."""
    channel = site.writable(_destination(site, args))["id"]
    wait = site.faults.wait_before(channel, at=site.workspace.clock())
    if wait:
        raise SlackRefusal("ratelimited", retry_after=wait)
    message = {**_author(site, args), **_content(args), **_threaded(site, channel, args)}
    if not args.flag("mrkdwn", default=True):
        message["mrkdwn"] = False
    for name in ("unfurl_links", "unfurl_media", "link_names"):
        args.flag(name)
    posted = site.workspace.post(channel, message)
    return {"channel": channel, "ts": posted["ts"], "message": posted}


async def update(site: Site, args: Arguments) -> Json:
    """chat.update: blocks go when only text is given, stay when neither is; metadata stays unless given."""
    channel_id, ts = args.required("channel", "ts")
    if site.seen(channel_id)["is_archived"]:
        raise SlackRefusal("is_inactive")
    before = site.found(channel_id, ts)
    if before.get("bot_id") != site.workspace.bot_id and before.get("user") != site.workspace.bot_user_id:
        raise SlackRefusal("cant_update_message")
    if len(args.text("text")) > UPDATE_TEXT_MOST:
        raise SlackRefusal("msg_too_long")
    content = _content(args)
    after = {key: value for key, value in before.items() if key not in {"blocks", "edited"}}
    after = {**after, **content}
    if "blocks" not in args:
        after["edited"] = {"user": site.workspace.bot_user_id, "ts": site.workspace.next_ts()}
    if after.get("metadata") == {}:
        del after["metadata"]
    site.workspace.change(channel_id, ts, after)
    return {"channel": channel_id, "ts": ts, "text": after["text"], "message": after}


async def delete(site: Site, args: Arguments) -> Json:
    """chat.delete: the app's own messages only."""
    channel_id, ts = args.required("channel", "ts")
    site.seen(channel_id)
    message = site.found(channel_id, ts)
    if message.get("bot_id") != site.workspace.bot_id and message.get("user") != site.workspace.bot_user_id:
        raise SlackRefusal("cant_delete_message")
    site.workspace.delete(channel_id, ts)
    return {"channel": channel_id, "ts": ts}


async def post_ephemeral(site: Site, args: Arguments) -> Json:
    """chat.postEphemeral: to somebody who is in the channel and active."""
    channel_id, user = args.required("channel", "user")
    site.writable(channel_id)
    person = site.workspace.users.get(user)
    if person is None or person["deleted"] or user not in site.workspace.members(channel_id):
        raise SlackRefusal("user_not_in_channel")
    message = {**_author(site, args), **_content(args), **_threaded(site, channel_id, args)}
    return {"message_ts": site.workspace.whisper(channel_id, user, message)["ts"]}


async def permalink(site: Site, args: Arguments) -> Json:
    """chat.getPermalink."""
    channel_id, ts = args.required("channel", "message_ts")
    site.seen(channel_id)
    message = site.found(channel_id, ts)
    thread_ts = message.get("thread_ts")
    query = f"?thread_ts={thread_ts}&cid={channel_id}" if thread_ts and thread_ts != ts else ""
    where = f"https://{site.workspace.domain}.slack.com/archives/{channel_id}/p{ts.replace('.', '')}{query}"
    return {"channel": channel_id, "permalink": where}


def respond(site: Site, name: str, args: Arguments) -> None:
    """Do what an app posted to the `response_url` of that name.

    Raises used_url, expired_url, and whatever Slack refuses of a message.
    """
    url = site.response_urls.get(name)
    if url is None or site.workspace.clock() - url.made > RESPONSE_SECONDS:
        raise SlackRefusal("expired_url")
    if url.uses >= RESPONSE_USES:
        raise SlackRefusal("used_url")
    url.uses += 1
    if args.flag("delete_original"):
        _delete_original(site, url)
    elif args.flag("replace_original"):
        _replace_original(site, url, _content(args))
    else:
        answer(site, url, args)


def answer(site: Site, url: ResponseUrl, args: Arguments) -> None:
    """Show an answer to an interaction: to the person alone, or to the channel for `in_channel`."""
    message = {**_author(site, args), **_content(args)}
    thread_ts = args.text("thread_ts")
    if thread_ts:
        message["thread_ts"] = thread_ts
    if args.text("response_type", "ephemeral") == "in_channel":
        site.workspace.post(url.channel, message)
    else:
        site.workspace.whisper(url.channel, url.user, message)


def _delete_original(site: Site, url: ResponseUrl) -> None:
    if url.ephemeral:
        site.workspace.drop_ephemeral(url.channel, url.user, url.message_ts)
    elif site.workspace.message(url.channel, url.message_ts):
        site.workspace.delete(url.channel, url.message_ts)


def _replace_original(site: Site, url: ResponseUrl, content: Json) -> None:
    if url.ephemeral:
        shown = site.workspace.ephemerals(url.channel, url.user)
        for before in [message for message in shown if message["ts"] == url.message_ts]:
            kept = {key: value for key, value in before.items() if key != "blocks"}
            site.workspace.change_ephemeral(url.channel, url.user, url.message_ts, {**kept, **content})
        return
    message = site.workspace.message(url.channel, url.message_ts)
    if message is None:
        raise SlackRefusal("message_not_found")
    kept = {key: value for key, value in message.items() if key != "blocks"}
    site.workspace.change(url.channel, url.message_ts, {**kept, **content})


def check_blocks(blocks: Any) -> list[Json]:
    """The blocks with names where they had none. Raises what Slack answers to blocks that it does not take."""
    if not isinstance(blocks, list):
        raise SlackRefusal("invalid_blocks_format")
    found = check_message_blocks(blocks)
    if not found:
        return name_blocks(blocks)
    if any(one.startswith("msg_blocks_too_long") for one in found):
        raise SlackRefusal("msg_blocks_too_long")
    raise SlackRefusal("invalid_blocks", errors=found, response_metadata={"messages": found})


def _destination(site: Site, args: Arguments) -> str:
    """A channel's id; chat.postMessage also takes a public channel's name and a person's id."""
    (name,) = args.required("channel")
    if name in site.workspace.users:
        if not (site.features("app_home") or {}).get("messages_tab_enabled", True):
            raise SlackRefusal("messages_tab_disabled")
        return site.workspace.direct(name)
    for channel in site.workspace.channels.values():
        if channel["name"] and channel["name"] == name.removeprefix("#"):
            return str(channel["id"])
    return name


def _author(site: Site, args: Arguments) -> Json:
    workspace = site.workspace
    bot = {"app_id": workspace.app_id, "bot_id": workspace.bot_id}
    custom = {name: args.text(name) for name in ("username", "icon_url", "icon_emoji") if name in args}
    if custom:
        site.need("chat:write.customize")
        icons = {key.removeprefix("icon_"): value for key, value in custom.items() if key != "username"}
        return {**bot, "subtype": "bot_message", "username": custom.get("username", ""), "icons": icons}
    profile = {"id": workspace.bot_id, "app_id": workspace.app_id, "team_id": workspace.team_id, "deleted": False}
    name = workspace.users[workspace.bot_user_id]["name"]
    return {**bot, "user": workspace.bot_user_id, "bot_profile": {**profile, "name": name}}


def _content(args: Arguments) -> Json:
    """Text, blocks, attachments and metadata as Slack stores them."""
    text = args.text("text")
    blocks = args.structure("blocks", code="invalid_blocks_format")
    attachments = args.structure("attachments", code="invalid_attachments")
    if "markdown_text" in args:
        if text or blocks:
            raise SlackRefusal("markdown_text_conflict")
        text = args.text("markdown_text")
        if len(text) > MARKDOWN_MOST:
            raise SlackRefusal("msg_too_long")
    if not text and not blocks and not attachments:
        raise SlackRefusal("no_text")
    content: Json = {"text": stored(text[:TEXT_MOST]) or UNSHOWN}
    if blocks:
        content["blocks"] = check_blocks(blocks)
    if attachments:
        if not isinstance(attachments, list):
            raise SlackRefusal("invalid_attachments")
        if len(attachments) > ATTACHMENTS_MOST:
            raise SlackRefusal("too_many_attachments")
        content["attachments"] = attachments
    metadata = args.structure("metadata", code="invalid_metadata_format")
    if metadata is not None:
        content["metadata"] = _checked_metadata(metadata)
    return content


def _checked_metadata(metadata: Any) -> Json:
    if metadata == {}:
        return {}
    if not isinstance(metadata, dict):
        raise SlackRefusal("invalid_metadata_format")
    kind, payload = metadata.get("event_type"), metadata.get("event_payload")
    if not isinstance(kind, str) or not kind or not isinstance(payload, dict):
        raise SlackRefusal("invalid_metadata_schema")
    if len(str(payload)) > METADATA_MOST:
        raise SlackRefusal("metadata_too_large")
    return metadata


def _threaded(site: Site, channel: str, args: Arguments) -> Json:
    thread_ts = args.text("thread_ts")
    if not thread_ts:
        return {}
    check_thread(site, channel, thread_ts)
    if args.flag("reply_broadcast"):
        return {"thread_ts": thread_ts, "subtype": "thread_broadcast"}
    return {"thread_ts": thread_ts}


def check_thread(site: Site, channel: str, thread_ts: str) -> None:
    """Go on if a reply can be put under this message. Raises thread_not_found or cannot_reply_to_message."""
    parent = site.workspace.message(channel, thread_ts)
    if parent is None:
        raise SlackRefusal("thread_not_found")
    if parent.get("thread_ts") not in {None, thread_ts} or parent.get("subtype") == "tombstone":
        raise SlackRefusal("cannot_reply_to_message")
