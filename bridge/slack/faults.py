"""What Slack's refusals and silences mean: each error code's kind and its sentence, in one table.

Pure: takes a method's name and Slack's error code, gives an error of bridge/errors.py. The codes are those of Slack's
method reference. A code that is not in the table is temporary, and the job engine parks what stays temporary.
"""

from collections.abc import Mapping

from bridge.errors import BridgeError, Misconfigured, Permanent, Refused, Temporary, Uncertain
from bridge.sentences import mark, say

ONCE = frozenset({"chat.postMessage", "chat.postEphemeral", "files.completeUploadExternal"})
"""Methods whose effect would stand twice if they were called twice: a silence after one of them is uncertain."""

WINDOWS = frozenset({"views.open", "views.push", "views.update"})
"""Methods that somebody waits for in front of a window: what Slack says of one window holds back no other."""

DEFAULT_RETRY_AFTER = 30.0
"""Seconds to wait after a 429 without a readable Retry-After: what Slack's own SDK waits."""

WINDOW_RETRY_AFTER = 1.0
"""The same for a window, before which nobody waits for longer; Slack writes no fraction of a second."""


class Gone(Permanent):
    """What was to be changed is no longer there: a person deleted the message, closed the window, or left."""


class Malformed(Permanent):
    """Slack does not take the message as it is built; built more plainly it may."""


_BOT_REJECTED = mark(
    "Slack does not accept the bot token: reinstall the app and put its new token into SLACK_BOT_TOKEN."
)
_APP_REJECTED = (
    "Slack does not accept SLACK_APP_TOKEN: it must be an app-level token (xapp-...) with the scope connections:write, "
    "made under Basic Information in the app's settings."
)
_SOCKETS_OFF = (
    "Socket Mode is off for this app: switch it on in the app's settings, or set SLACK_SIGNING_SECRET in place of "
    "SLACK_APP_TOKEN."
)
_TOO_LATE = mark("Slack gives a window only a few seconds after the click, and they are over: please try again.")
_BLOCKS = mark("Slack does not accept how the message is built: report it, with the log's line.")
_FILES_OFF = mark("The workspace allows no such file to be uploaded: ask a workspace admin to allow it.")
_CLOSED_CHANNEL = mark(
    "The channel's settings let the bot not post there: ask a workspace admin, or choose another channel."
)
_ARCHIVED = mark("The channel is archived: unarchive it, or choose another channel for the mailbox.")
_NO_CHANNEL = mark(
    "The bot cannot see the channel: check its id, and where it is private, type /invite @Bridge in that channel."
)
_TOO_LONG = mark("The message is longer than Slack takes.")
_NOT_UPLOADED = mark("Slack does not have the uploaded file yet.")

_UNKNOWN_OUTCOME = frozenset({"internal_error", "fatal_error"})
"""Slack says of these that "some aspect of the operation" may have succeeded."""

_TABLE: dict[str, tuple[type[BridgeError], str]] = {
    **dict.fromkeys(
        (
            "invalid_auth",
            "not_authed",
            "token_revoked",
            "token_expired",
            "account_inactive",
            "not_allowed_token_type",
            "team_access_not_granted",
        ),
        (Permanent, _BOT_REJECTED),
    ),
    "access_denied": (
        Permanent,
        mark("Slack denies the bot access: ask a workspace admin whether the app is allowed."),
    ),
    "accesslimited": (
        Permanent,
        mark("Slack's settings allow the token from other networks only: ask a workspace admin."),
    ),
    "ekm_access_denied": (Permanent, mark("The workspace's admins have suspended posting: ask them.")),
    "no_permission": (
        Permanent,
        mark("The bot may not do this: add the missing scopes of manifest.yml and reinstall it."),
    ),
    "enterprise_is_restricted": (Permanent, mark("The app is not allowed in this organisation: ask its Slack admin.")),
    "not_in_channel": (Permanent, mark("The bot is not in the channel: type /invite @Bridge there.")),
    "channel_not_found": (Permanent, _NO_CHANNEL),
    "invalid_channel": (Permanent, _NO_CHANNEL),
    "channel_is_limited_access": (Permanent, _NO_CHANNEL),
    "is_archived": (Permanent, _ARCHIVED),
    "is_inactive": (Permanent, _ARCHIVED),
    **dict.fromkeys(
        (
            "restricted_action",
            "restricted_action_read_only_channel",
            "restricted_action_thread_only_channel",
            "restricted_action_non_threadable_channel",
            "restricted_action_thread_locked",
            "posting_to_channel_denied",
            "messages_tab_disabled",
        ),
        (Permanent, _CLOSED_CHANNEL),
    ),
    "msg_too_long": (Malformed, _TOO_LONG),
    "msg_blocks_too_long": (Malformed, _TOO_LONG),
    "metadata_too_large": (Malformed, _TOO_LONG),
    "view_too_large": (Permanent, mark("The window is larger than Slack takes.")),
    **dict.fromkeys(
        (
            "invalid_blocks",
            "invalid_blocks_format",
            "invalid_arguments",
            "invalid_metadata_format",
            "invalid_metadata_schema",
            "block_mismatch",
            "no_text",
            "missing_argument",
        ),
        (Malformed, _BLOCKS),
    ),
    "cant_update_message": (
        Permanent,
        mark("Slack lets only its author change a message, and the bot is not its author."),
    ),
    "edit_window_closed": (Permanent, mark("The workspace's settings do not let a message of this age be changed.")),
    "cant_delete_message": (
        Permanent,
        mark("Slack lets only its author delete a message, and the bot is not its author."),
    ),
    "message_not_found": (Gone, mark("The message is no longer in Slack.")),
    "thread_not_found": (Gone, mark("The thread is no longer in Slack.")),
    "cannot_reply_to_message": (Gone, mark("The message that the thread hangs on is no longer in Slack.")),
    "user_not_found": (Gone, mark("Slack does not know this person.")),
    "users_not_found": (Gone, mark("Slack knows nobody with this address.")),
    "user_not_visible": (Permanent, mark("The bot may not see this person.")),
    "user_not_in_channel": (Permanent, mark("The person is not in the channel, so Slack shows nothing there.")),
    "file_not_found": (Gone, mark("The file is no longer in Slack.")),
    "file_deleted": (Gone, mark("The file was deleted in Slack.")),
    "not_visible": (Permanent, mark("The bot may not see this file.")),
    "file_type_not_allowed": (Permanent, _FILES_OFF),
    "file_uploads_disabled": (Permanent, _FILES_OFF),
    "file_uploads_except_images_disabled": (Permanent, _FILES_OFF),
    "file_upload_size_restricted": (Permanent, mark("The file is larger than the workspace allows.")),
    "storage_limit_reached": (Permanent, mark("The workspace's file storage is full: make room, or change its plan.")),
    "expired_trigger_id": (Refused, _TOO_LATE),
    "exchanged_trigger_id": (Refused, _TOO_LATE),
    "invalid_trigger_id": (Refused, _TOO_LATE),
    "push_limit_reached": (Refused, mark("Slack stacks no more than three windows: close one and try again.")),
    "hash_conflict": (Refused, mark("The window has changed in the meantime: look at it again and repeat it.")),
    "not_found": (Gone, mark("The window is closed already.")),
    "not_enabled": (
        Permanent,
        mark("The app's Home tab is off: switch it on as manifest.yml does and reinstall the app."),
    ),
}

_SPECIAL: dict[tuple[str, str], tuple[type[BridgeError], str]] = {
    # Slack knows an uploaded file only about a second after its bytes have come.
    ("files.completeUploadExternal", "file_not_found"): (Temporary, _NOT_UPLOADED),
    **{
        ("apps.connections.open", code): (Misconfigured, _APP_REJECTED)
        for code, (_, sentence) in _TABLE.items()
        if sentence == _BOT_REJECTED
    },
    ("apps.connections.open", "missing_scope"): (Misconfigured, _APP_REJECTED),
    ("apps.connections.open", "forbidden_team"): (Misconfigured, _SOCKETS_OFF),
}


def refusal(method: str, code: str, *, needed: str = "", detail: str = "") -> BridgeError:
    """The error for an answer that is not `ok`. `needed`: the scopes that Slack names with `missing_scope`."""
    detail = f"{method}: {code} {detail}".rstrip()
    if code in _UNKNOWN_OUTCOME:
        return silence(method, detail=detail)
    kind = _SPECIAL.get((method, code)) or _TABLE.get(code)
    if kind:
        return kind[0](say(kind[1]), detail=detail)
    if code == "missing_scope":
        lacks = (
            say("The Slack app lacks the scope {scope}: add it as in manifest.yml and reinstall the app.", scope=needed)
            if needed
            else say("The Slack app lacks the scope it needs: add it as in manifest.yml and reinstall the app.")
        )
        return Permanent(lacks, detail=detail)
    return Temporary(say("Slack did not do what it was asked to; it is tried again."), detail=detail)


def silence(method: str, *, detail: str) -> Temporary | Uncertain:
    """The error for a request that left and met no answer, or one that says nothing about what was done."""
    if method in ONCE:
        return Uncertain(say("Slack did not answer: what was posted may stand there or not."), detail=detail)
    return Temporary(say("Slack did not answer."), detail=detail)


def unreached(method: str, *, detail: str) -> Temporary:
    """The error for a request that never left this machine."""
    return Temporary(say("Slack cannot be reached: check the network and the proxy."), detail=f"{method}: {detail}")


def retry_after(method: str, headers: Mapping[str, str]) -> float:
    """Seconds that a 429 asks to be left alone (RFC 9110, section 10.2.3; Slack writes seconds, not dates)."""
    try:
        return max(0.0, float(headers.get("Retry-After", "")))
    except ValueError:
        return WINDOW_RETRY_AFTER if method in WINDOWS else DEFAULT_RETRY_AFTER


def limited(method: str, *, seconds: float) -> Temporary:
    """The error for 429, or for a call that Slack's last 429 forbids for so many seconds."""
    return Temporary(say("Slack asks for a slower pace."), detail=method, retry_after=seconds)
