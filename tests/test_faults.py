"""Every refusal of Slack's has a kind and a sentence that says what to do."""

import pytest

from bridge.errors import BridgeError, Misconfigured, Permanent, Refused, Temporary, Uncertain
from bridge.slack.faults import Gone, Malformed, refusal, silence


@pytest.mark.parametrize(
    ("method", "code", "kind", "says"),
    [
        ("chat.postMessage", "invalid_auth", Permanent, "SLACK_BOT_TOKEN"),
        ("chat.postMessage", "token_revoked", Permanent, "SLACK_BOT_TOKEN"),
        ("chat.postMessage", "account_inactive", Permanent, "SLACK_BOT_TOKEN"),
        ("apps.connections.open", "invalid_auth", Misconfigured, "SLACK_APP_TOKEN"),
        ("apps.connections.open", "not_allowed_token_type", Misconfigured, "SLACK_APP_TOKEN"),
        ("apps.connections.open", "forbidden_team", Misconfigured, "Socket Mode"),
        ("chat.postMessage", "not_in_channel", Permanent, "/invite @Bridge"),
        ("chat.postMessage", "channel_not_found", Permanent, "/invite @Bridge"),
        ("chat.postMessage", "is_archived", Permanent, "archived"),
        ("chat.update", "msg_too_long", Malformed, "longer"),
        ("chat.update", "message_not_found", Gone, "no longer"),
        ("views.open", "expired_trigger_id", Refused, "try again"),
        ("files.info", "file_deleted", Gone, "deleted"),
        ("chat.update", "internal_error", Temporary, "did not answer"),
        ("chat.postMessage", "internal_error", Uncertain, "may stand"),
        ("chat.postMessage", "service_unavailable", Temporary, "tried again"),
    ],
)
def test_a_refusal_has_its_kind_and_says_what_to_do(method: str, code: str, kind: type[BridgeError], says: str) -> None:
    error = refusal(method, code)
    assert type(error) is kind
    assert says in str(error)
    assert error.detail.startswith(f"{method}: {code}")


def test_a_missing_scope_is_named() -> None:
    assert "files:read" in str(refusal("files.info", "missing_scope", needed="files:read"))
    assert isinstance(refusal("apps.connections.open", "missing_scope", needed="connections:write"), Misconfigured)


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.postEphemeral", "files.completeUploadExternal"])
def test_silence_after_what_must_not_happen_twice_is_uncertain(method: str) -> None:
    assert isinstance(silence(method, detail="cut"), Uncertain)


@pytest.mark.parametrize("method", ["chat.update", "views.update", "chat.delete", "users.info"])
def test_silence_after_what_may_happen_twice_is_temporary(method: str) -> None:
    assert isinstance(silence(method, detail="cut"), Temporary)
