"""files.*: the three steps of an upload, and what stands of it afterwards."""

import asyncio
from typing import Any

from bridge.demo.double.markup import stored
from bridge.demo.double.methods.chat import check_blocks, check_thread
from bridge.demo.double.refusals import SlackRefusal
from bridge.demo.double.site import Arguments, Site, invalid_arguments
from bridge.demo.double.stored import Json, StoredFile

SIZE_MOST = 1024**3  # bytes; Slack takes files of up to 1 GB


async def get_upload_url(site: Site, args: Arguments) -> Json:
    """files.getUploadURLExternal: a file's id and the address that its bytes go to."""
    (name,) = args.required("filename")
    length = args.text("length", "0")
    if not length.isdecimal() or not int(length):
        raise SlackRefusal("missing_argument")
    if int(length) > SIZE_MOST:
        raise SlackRefusal("file_upload_size_restricted")
    file = site.workspace.add_file(
        name, b"", user=site.workspace.bot_user_id, size=int(length), uploaded=False, completed=False
    )
    return {"upload_url": f"{site.workspace.url}/upload/v1/{file.id}", "file_id": file.id}


async def complete_upload(site: Site, args: Arguments) -> Json:
    """files.completeUploadExternal: Slack answers at once and shares the files a little later, in one message."""
    wanted = args.structure("files", code="invalid_arguments")
    if not isinstance(wanted, list) or not wanted:
        raise invalid_arguments("missing required field: files")
    files = [_ticket(site, entry) for entry in wanted]
    channels = [args.text("channel_id")] if "channel_id" in args else args.text("channels").split(",")
    channels = [channel for channel in channels if channel]
    thread_ts = args.text("thread_ts")
    for channel in channels:
        site.writable(channel)
        if thread_ts:
            check_thread(site, channel, thread_ts)
    message: Json = {"user": site.workspace.bot_user_id, "text": stored(args.text("initial_comment"))}
    if thread_ts:
        message["thread_ts"] = thread_ts
    blocks = args.structure("blocks", code="invalid_blocks")
    if blocks and not message["text"]:
        message["blocks"] = check_blocks(blocks)
    completed = [
        site.workspace.change_file(file.id, completed=True, title=entry.get("title") or file.title)
        for file, entry in zip(files, wanted, strict=True)
    ]
    if channels:
        site.later(_share(site, channels, [file.id for file in completed], message))
    return {"files": [site.workspace.describe(file) for file in completed]}


async def info(site: Site, args: Arguments) -> Json:
    """files.info: `shares` tells where the file is seen, once it is."""
    (file_id,) = args.required("file")
    file = visible(site, file_id)
    if file.deleted:
        raise SlackRefusal("file_deleted")
    paging = {"count": 0, "total": 0, "page": 1, "pages": 0}
    return {"file": site.workspace.describe(file), "comments": [], "paging": paging}


async def delete(site: Site, args: Arguments) -> Json:
    """files.delete: the app's own files only."""
    (file_id,) = args.required("file")
    file = visible(site, file_id)
    if file.deleted:
        raise SlackRefusal("file_deleted")
    if file.user != site.workspace.bot_user_id:
        raise SlackRefusal("cant_delete_file")
    site.workspace.delete_file(file_id)
    return {}


def visible(site: Site, file_id: str) -> StoredFile:
    """A file that the app may see: its own, one given to it in a modal, or one in a channel that it is in.

    Raises file_not_found.
    """
    file = site.workspace.files.get(file_id)
    if file is None or not file.uploaded:
        raise SlackRefusal("file_not_found")
    own = file.user == site.workspace.bot_user_id or file.for_app
    if not own and not any(site.is_member(channel) for channel in file.channels):
        raise SlackRefusal("file_not_found")
    return file


def _ticket(site: Site, entry: Any) -> StoredFile:
    file = site.workspace.files.get(entry.get("id", "")) if isinstance(entry, dict) else None
    if file is None or not file.uploaded or file.completed:
        raise SlackRefusal("file_not_found")
    return file


async def _share(site: Site, channels: list[str], files: list[str], message: Json) -> None:
    fault = site.faults.take("file_share")
    if fault and fault.kind == "drop_before":
        return
    await asyncio.sleep(site.timing.share + (fault.seconds if fault and fault.kind == "slow" else 0))
    for channel in channels:
        site.workspace.share(channel, files, message)
