"""Settings: three layers, one tree, and a sentence for each mistake."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest

from bridge.config import Settings, check_runnable, load
from bridge.errors import Misconfigured
from bridge.settings.layers import VARIABLES

MAILBOX = {"MAIL_ADDRESS": "support@gmail.com", "MAIL_PASSWORD": "s3cret-pass", "MAIL_CHANNEL": "#support"}
SLACK = {"SLACK_BOT_TOKEN": "xoxb-1-token", "SLACK_APP_TOKEN": "xapp-1-token"}


class Load(Protocol):
    def __call__(self, environ: dict[str, str], *, dotenv: str = "", toml: str = "") -> Settings: ...


@pytest.fixture
def settings(tmp_path: Path) -> Load:
    """Load from what a test says alone, in a folder of its own."""

    def load_here(environ: dict[str, str], *, dotenv: str = "", toml: str = "") -> Settings:
        env_file = tmp_path / ".env"
        env_file.write_text(dotenv, "utf-8")
        if toml:
            (tmp_path / "bridge.toml").write_text(toml, "utf-8")
        return load(environ={"BRIDGE_DATA": str(tmp_path / "data"), **environ}, env_file=env_file)

    return load_here


def complaint(settings: Load, environ: dict[str, str], *, dotenv: str = "", toml: str = "") -> str:
    with pytest.raises(Misconfigured) as caught:
        settings(environ, dotenv=dotenv, toml=toml)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


# --- layers ---------------------------------------------------------------------------------------------------------


def test_the_environment_wins_over_dotenv_which_wins_over_the_file(settings: Load) -> None:
    toml = 'http = "127.0.0.1:1"\nlog = "json"\nmax_bytes = "1 MiB"'
    dotenv = "BRIDGE_HTTP=127.0.0.1:2\nBRIDGE_LOG=console"
    read = settings({"BRIDGE_HTTP": "127.0.0.1:3"}, dotenv=dotenv, toml=toml)
    assert (read.http.port, read.log, read.max_bytes) == (3, "console", 1024 * 1024)


def test_each_variable_has_a_place_that_the_models_know(settings: Load, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    values = {
        **dict.fromkeys(VARIABLES, "x-of-no-use"),
        **MAILBOX,
        **SLACK,
        "SLACK_API_URL": "http://127.0.0.1:9/api",
        "BRIDGE_DATABASE_URL": "sqlite:///elsewhere.db",
        "BRIDGE_DATA": str(tmp_path / "there"),
        "BRIDGE_HTTP": "[::1]:0",
        "BRIDGE_LOG": "json",
        "BRIDGE_LANGUAGE": "ko",
        "BRIDGE_SECRET_KEY": "first-key-of-enough-length, second-key-of-enough-length",
        "MAIL_NAME": "Support",
        "MAIL_AUTH": "password",
        "MAIL_IMAP_HOST": "127.0.0.1",
        "MAIL_IMAP_PORT": "1143",
        "MAIL_IMAP_SECURITY": "none",
        "MAIL_SMTP_HOST": "localhost",
        "MAIL_SMTP_PORT": "1025",
        "MAIL_SMTP_SECURITY": "starttls",
        "MAIL_SAVE_SENT": "off",
        "MAIL_MAX_BYTES": "1048576",
        "MAIL_CA_FILE": str(ca),
        "MAIL_HOLD_SECONDS": "0.5",
        "MAIL_AUTO_ACK": "on",
        "MAIL_FORWARDS": "off",
        "MAIL_SIGNATURE": "Support",
    }
    read = settings(values)
    (mailbox,) = read.mailboxes
    assert mailbox.imap is not None
    assert read.slack.api_url == "http://127.0.0.1:9/api/"
    assert (read.http.host, read.http.port) == ("::1", 0)
    assert read.secret_keys == (b"first-key-of-enough-length", b"second-key-of-enough-length")
    assert (mailbox.imap.port, mailbox.imap.security, mailbox.imap.ca_file) == (1143, "none", ca)
    assert (mailbox.smtp.port, mailbox.smtp.security, mailbox.smtp.username) == (1025, "starttls", "x-of-no-use")
    assert (mailbox.display_name, mailbox.hold_seconds, mailbox.auto_ack) == ("Support", 0.5, True)
    assert (mailbox.signature, mailbox.forwards) == ("Support", False)
    assert not mailbox.saves_sent


def test_dotenv_may_hold_what_is_not_ours(settings: Load) -> None:
    settings({}, dotenv="PATH_OF_ANOTHER_PROGRAM=secret\nMAIL_IMAP_HSOT=x\nnot a setting at all\n")


def test_a_password_in_dotenv_is_taken_to_the_letter(settings: Load) -> None:
    dotenv = "MAIL_PASSWORD='a${HOME}b #c '\n"
    (mailbox,) = settings({"MAIL_ADDRESS": "a@gmail.com", "MAIL_CHANNEL": "C0123"}, dotenv=dotenv).mailboxes
    assert mailbox.smtp.password.get_secret_value() == "a${HOME}b #c "


def test_a_channel_name_in_dotenv_is_no_comment(settings: Load) -> None:
    (mailbox,) = settings({**MAILBOX, "MAIL_CHANNEL": ""}, dotenv="MAIL_CHANNEL=#help\n").mailboxes
    assert mailbox.channel == "#help"


def test_an_empty_variable_is_not_set_but_an_empty_http_is_off(settings: Load) -> None:
    read = settings({"BRIDGE_HTTP": "", "BRIDGE_LOG": "", "MAIL_ADDRESS": ""})
    assert read.http.port is None
    assert read.mailboxes == ()


def test_without_a_dotenv_no_file_of_the_working_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo must not find the operator's own mailbox."""
    monkeypatch.chdir(tmp_path)
    Path("bridge.toml").write_text("nonsense = 1")
    assert load(environ={"BRIDGE_DATA": str(tmp_path)}, env_file=None).mailboxes == ()


def test_the_file_is_named_by_argument_or_variable(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('http = ""')
    environ = {"BRIDGE_DATA": str(tmp_path)}
    assert load(config_file=file, environ=environ, env_file=None).http.port is None
    assert load(environ={**environ, "BRIDGE_CONFIG": str(file)}, env_file=None).http.port is None
    with pytest.raises(Misconfigured, match="--config"):
        load(config_file=tmp_path / "none.toml", environ=environ, env_file=None)
    with pytest.raises(Misconfigured, match="BRIDGE_CONFIG"):
        load(environ={**environ, "BRIDGE_CONFIG": str(tmp_path / "none.toml")}, env_file=None)


# --- mailboxes ------------------------------------------------------------------------------------------------------


def test_one_mailbox_needs_an_address_a_password_and_a_channel(settings: Load) -> None:
    (mailbox,) = settings(MAILBOX).mailboxes
    assert mailbox.imap is not None
    assert (mailbox.imap.host, mailbox.imap.port, mailbox.imap.security) == ("imap.gmail.com", 993, "tls")
    assert (mailbox.smtp.host, mailbox.smtp.port, mailbox.smtp.security) == ("smtp.gmail.com", 465, "tls")
    assert mailbox.imap.username == mailbox.smtp.username == "support@gmail.com"
    assert mailbox.smtp.password.get_secret_value() == "s3cret-pass"
    assert (mailbox.name, mailbox.hold_seconds, mailbox.auto_ack) == ("support", 10, False)


@pytest.mark.parametrize(
    ("address", "imap", "smtp", "smtp_port"),
    [
        ("a@outlook.com", "outlook.office365.com", "smtp-mail.outlook.com", 587),
        ("a@firm.onmicrosoft.com", "outlook.office365.com", "smtp.office365.com", 587),
        ("a@YAHOO.com", "imap.mail.yahoo.com", "smtp.mail.yahoo.com", 465),
        ("a@icloud.com", "imap.mail.me.com", "smtp.mail.me.com", 587),
        ("a@naver.com", "imap.naver.com", "smtp.naver.com", 465),
        ("a@hanmail.net", "imap.daum.net", "smtp.daum.net", 465),
        ("a@mailbox.org", "imap.mailbox.org", "smtp.mailbox.org", 465),
    ],
)
def test_well_known_providers_need_no_hosts(settings: Load, address: str, imap: str, smtp: str, smtp_port: int) -> None:
    (mailbox,) = settings({**MAILBOX, "MAIL_ADDRESS": address}).mailboxes
    assert mailbox.imap is not None
    assert (mailbox.imap.host, mailbox.smtp.host, mailbox.smtp.port) == (imap, smtp, smtp_port)


def test_a_copy_goes_to_sent_unless_the_provider_files_it(settings: Load) -> None:
    (gmail,) = settings(MAILBOX).mailboxes
    (gmx,) = settings({**MAILBOX, "MAIL_ADDRESS": "a@gmx.net"}).mailboxes
    (told,) = settings({**MAILBOX, "MAIL_SAVE_SENT": "on"}).mailboxes
    assert (gmail.saves_sent, gmx.saves_sent, told.saves_sent) == (False, True, True)


@pytest.mark.parametrize(
    ("said", "port", "security"),
    [
        ({}, 465, "tls"),
        ({"MAIL_SMTP_PORT": "587"}, 587, "starttls"),
        ({"MAIL_SMTP_SECURITY": "starttls"}, 587, "starttls"),
        ({"MAIL_SMTP_PORT": "2465"}, 2465, "tls"),
    ],
)
def test_port_and_security_follow_from_each_other_and_are_never_plain(
    settings: Load, said: dict[str, str], port: int, security: str
) -> None:
    own = {**MAILBOX, "MAIL_ADDRESS": "a@example.com", "MAIL_IMAP_HOST": "mx.example.com"}
    (mailbox,) = settings({**own, "MAIL_SMTP_HOST": "mx.example.com", **said}).mailboxes
    assert (mailbox.smtp.port, mailbox.smtp.security) == (port, security)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_an_unencrypted_server_is_taken_on_loopback(settings: Load, host: str) -> None:
    (mailbox,) = settings({**MAILBOX, "MAIL_IMAP_HOST": host, "MAIL_IMAP_SECURITY": "none"}).mailboxes
    assert mailbox.imap is not None
    assert (mailbox.imap.security, mailbox.imap.port) == ("none", 143)


@pytest.mark.parametrize("host", ["mail.example.com", "10.0.0.1", "localhost.example.com", "127.0.0.1.example.com"])
def test_an_unencrypted_server_elsewhere_is_refused(settings: Load, host: str) -> None:
    sentence = complaint(settings, {**MAILBOX, "MAIL_IMAP_HOST": host, "MAIL_IMAP_SECURITY": "none"})
    assert sentence.startswith("MAIL_IMAP_SECURITY ")


TWO = """
[[mailbox]]
name = "support"
address = "support@example.com"
channel = "#support"
imap = {host = "imap.example.com", password_env = "SUPPORT_PASSWORD"}
smtp = {host = "smtp.example.com", security = "starttls"}
folders = {sent = "Gesendet"}

[[mailbox]]
name = "sales"
address = "sales@example.com"
channel = "C0SALES"
source = "local"
smtp = {host = "127.0.0.1", port = 2626, security = "none"}
save_sent = false
"""


def test_several_mailboxes_stand_in_the_file_and_their_passwords_in_the_environment(settings: Load) -> None:
    support, sales = settings({}, dotenv="SUPPORT_PASSWORD=hush", toml=TWO).mailboxes
    assert support.imap is not None
    assert support.imap.password.get_secret_value() == support.smtp.password.get_secret_value() == "hush"
    assert support.folders.sent == "Gesendet"
    assert sales.imap is None
    assert (sales.smtp.username, sales.smtp.port, sales.save_sent) == ("", 2626, "off")


def test_whose_verdicts_on_senders_are_believed(settings: Load) -> None:
    """The provider's own where that is known, those that are named, and nobody's else: anybody can write a verdict."""
    support, sales = settings({}, dotenv="SUPPORT_PASSWORD=hush", toml=TWO).mailboxes
    assert (support.trusted_servers, sales.trusted_servers) == ((), ())
    named = TWO.replace("save_sent = false", 'trusted_servers = ["MX.Example.com"]')
    both = settings({}, dotenv="SUPPORT_PASSWORD=hush", toml=named)
    assert both.trusted == {"support": (), "sales": ("mx.example.com",)}
    toml = '[[mailbox]]\naddress = "a@gmail.com"\nchannel = "#a"'
    assert settings({"MAIL_PASSWORD": "x"}, toml=toml).mailboxes[0].trusted_servers == ("mx.google.com",)
    wrong = TWO.replace("save_sent = false", 'trusted_servers = ["spf=pass"]')
    sentence = complaint(settings, {"SUPPORT_PASSWORD": "y"}, toml=wrong)
    assert "trusted_servers" in sentence
    assert "names of servers" in sentence


def test_the_environment_wins_over_the_one_mailbox_of_a_file(settings: Load) -> None:
    toml = '[[mailbox]]\naddress = "a@gmail.com"\nchannel = "#a"\nhold_seconds = 60'
    (mailbox,) = settings({"MAIL_PASSWORD": "x", "MAIL_HOLD_SECONDS": "0"}, toml=toml).mailboxes
    assert (mailbox.channel, mailbox.hold_seconds) == ("#a", 0)


def test_a_variable_about_one_mailbox_is_refused_where_there_are_several(settings: Load) -> None:
    sentence = complaint(settings, {"MAIL_CHANNEL": "#x", "SUPPORT_PASSWORD": "y"}, toml=TWO)
    assert sentence.startswith("MAIL_CHANNEL speaks of one mailbox and bridge.toml has several")


@pytest.mark.parametrize("key", ["name", "address"])
def test_two_mailboxes_of_one_name_or_address_are_refused(settings: Load, key: str) -> None:
    twin = TWO.replace('name = "sales"', 'name = "Support"') if key == "name" else TWO.replace("sales@", "Support@")
    sentence = complaint(settings, {"SUPPORT_PASSWORD": "x"}, toml=twin)
    assert sentence.startswith(f"`{key}` of mailbox 2 in bridge.toml ")


# --- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SLACK_BOT_TOKEN", "xapp-swapped"),
        ("SLACK_APP_TOKEN", "xoxb-swapped"),
        ("SLACK_API_URL", "http://slack.example.com/api/"),
        ("SLACK_API_URL", "https://user:hidden@slack.example.com/"),
        ("SLACK_API_URL", "http://[broken"),
        ("BRIDGE_DATABASE_URL", "mysql://root:hidden@db/x"),
        ("BRIDGE_HTTP", "8080"),
        ("BRIDGE_HTTP", "127.0.0.1:70000"),
        ("BRIDGE_LOG", "loud"),
        ("BRIDGE_LANGUAGE", "de"),
        ("BRIDGE_SECRET_KEY", "short"),
        ("BRIDGE_SECRET_KEY", ","),
        ("MAIL_ADDRESS", "Support <support@gmail.com>"),
        ("MAIL_ADDRESS", "a@b@c"),
        ("MAIL_CHANNEL", "support"),
        ("MAIL_IMAP_PORT", "imaps"),
        ("MAIL_IMAP_PORT", "0"),
        ("MAIL_IMAP_SECURITY", "ssl"),
        ("MAIL_SAVE_SENT", "sometimes"),
        ("MAIL_MAX_BYTES", "40 potatoes"),
        ("MAIL_MAX_BYTES", "-1"),
        ("MAIL_CA_FILE", "nowhere/ca.pem"),
        ("MAIL_HOLD_SECONDS", "-1"),
        ("MAIL_HOLD_SECONDS", "nan"),
        ("MAIL_AUTO_ACK", "perhaps"),
    ],
)
def test_a_wrong_value_is_told_by_its_variable_and_never_repeated(settings: Load, variable: str, value: str) -> None:
    sentence = complaint(settings, {**MAILBOX, variable: value})
    assert sentence.startswith(f"{variable} must ")
    assert len(value) < 6 or value not in sentence
    assert "hidden" not in sentence


@pytest.mark.parametrize("missing", ["MAIL_ADDRESS", "MAIL_PASSWORD", "MAIL_CHANNEL"])
def test_a_missing_value_is_told_by_its_variable(settings: Load, missing: str) -> None:
    sentence = complaint(settings, {key: value for key, value in MAILBOX.items() if key != missing})
    assert sentence.startswith(f"{missing} is not set: ")


def test_an_unknown_provider_is_asked_for_its_hosts(settings: Load) -> None:
    sentence = complaint(settings, {**MAILBOX, "MAIL_ADDRESS": "a@example.com"})
    assert sentence.startswith("MAIL_IMAP_HOST is not set")
    assert sentence.endswith("(1 more problem after this one).")


@pytest.mark.parametrize(
    ("toml", "wrong", "near"),
    [
        ('htpp = "127.0.0.1:1"', "`htpp` in bridge.toml", "`http`"),
        ("[intake]\nsmpt = 1", "`intake.smpt` in bridge.toml", "`smtp`"),
        ("[spam]\nrspamt = 1", "`spam.rspamt` in bridge.toml", "`rspamd`"),
        ("[retention]\nraws = 1", "`retention.raws` in bridge.toml", "`raw`"),
        (TWO.replace("folders = {sent", "folders = {snet"), "`folders.snet` of mailbox 1 in bridge.toml", "`sent`"),
        (TWO.replace("source =", "sorce ="), "`sorce` of mailbox 2 in bridge.toml", "`source`"),
    ],
)
def test_an_unknown_key_of_the_file_is_refused_and_the_nearest_named(
    settings: Load, toml: str, wrong: str, near: str
) -> None:
    sentence = complaint(settings, {"SUPPORT_PASSWORD": "x"}, toml=toml)
    assert sentence.startswith(f"{wrong} is no setting: the nearest is {near}")


@pytest.mark.parametrize(
    "toml",
    [
        '[slack]\nbot_token = "xoxb-hidden"',
        'secret_key = "hidden-hidden-hidden"',
        'database_url = "postgresql://bridge:hidden@db/bridge"',
        '[[mailbox]]\naddress = "a@gmail.com"\nchannel = "#a"\nimap = {password = "hidden"}',
        '[[mailbox]]\naddress = "a@gmail.com"\nchannel = "#a"\nimap = {password_env = "hidden word"}',
        '[[mailbox]]\naddress = "a@gmail.com"\nchannel = "#a"\nimap = {password_env = "hidden"}',
        "password = hidden",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(settings: Load, toml: str) -> None:
    assert "hidden" not in complaint(settings, {}, toml=toml)


def test_a_file_that_is_no_toml_or_no_text_is_told_so(settings: Load, tmp_path: Path) -> None:
    assert "bridge.toml is not valid TOML" in complaint(settings, {}, toml="[[mailbox]\n")
    assert "write [[mailbox]]" in complaint(settings, {}, toml='mailbox = "a@example.com"')
    (tmp_path / "bridge.toml").write_bytes(b"\xff\xfe")
    assert "bridge.toml cannot be read" in complaint(settings, {})


def test_secrets_stand_in_no_repr(settings: Load) -> None:
    secrets = {**SLACK, "SLACK_SIGNING_SECRET": "hidden-1", "BRIDGE_SECRET_KEY": "hidden-hidden-hidden"}
    database = "postgresql://bridge:hidden@db/bridge?sslmode=require"
    read = settings({**MAILBOX, **secrets, "BRIDGE_DATABASE_URL": database})
    shown = f"{read!r} {read}"
    for secret in ("xoxb-1", "xapp-1", "hidden", "s3cret"):
        assert secret not in shown
    assert read.database_url.get_secret_value() == database


# --- the key --------------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_only_its_owner_may_read_it(settings: Load, tmp_path: Path) -> None:
    first, second = settings({}), settings({})
    file = tmp_path / "data" / "secret.key"
    assert first.secret_keys == second.secret_keys
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["secret.key"]


def test_of_many_starts_at_once_all_have_the_same_key(settings: Load) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = {found.secret_keys for found in pool.map(lambda _: settings({}), range(32))}
    assert len(keys) == 1


def test_with_postgresql_the_key_must_be_set(settings: Load, tmp_path: Path) -> None:
    sentence = complaint(settings, {"BRIDGE_DATABASE_URL": "postgres://db/bridge"})
    assert sentence.startswith("BRIDGE_SECRET_KEY is not set")
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_cannot_be_made_is_told(settings: Load, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert complaint(settings, {"BRIDGE_DATA": str(tmp_path / "file" / "data")}).startswith("BRIDGE_DATA ")


def test_an_empty_key_file_is_never_used(settings: Load, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret.key").touch()
    assert "secret.key" in complaint(settings, {})


# --- what run needs -------------------------------------------------------------------------------------------------


def test_what_run_needs_is_asked_for_one_at_a_time(settings: Load) -> None:
    check_runnable(settings({**MAILBOX, **SLACK}))
    check_runnable(settings({**MAILBOX, "SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "x"}))
    with pytest.raises(Misconfigured, match=r"^SLACK_BOT_TOKEN is not set.*\(2 more problems"):
        check_runnable(settings({}))
    with pytest.raises(Misconfigured, match=r"^SLACK_APP_TOKEN is not set"):
        check_runnable(settings({**MAILBOX, "SLACK_BOT_TOKEN": "xoxb-1"}))
    with pytest.raises(Misconfigured, match=r"^MAIL_ADDRESS is not set"):
        check_runnable(settings(SLACK))
    http = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "x", "BRIDGE_HTTP": ""}
    with pytest.raises(Misconfigured, match=r"^BRIDGE_HTTP is off"):
        check_runnable(settings({**MAILBOX, **http}))


@pytest.mark.parametrize(
    ("written", "size"), [("40 MiB", 41_943_040), ("40MiB", 41_943_040), ("1.5 MB", 1_500_000), ("2048", 2048)]
)
def test_sizes_are_bytes_or_have_a_unit(settings: Load, written: str, size: int) -> None:
    assert settings({"MAIL_MAX_BYTES": written}).max_bytes == size


# --- OAuth2 ---------------------------------------------------------------------------------------------------------

BY_TOKEN = {"MAIL_CHANNEL": "#a", "MAIL_AUTH": "xoauth2", "MAIL_OAUTH_CLIENT_ID": "id"}


@pytest.mark.parametrize(
    ("address", "token_url", "by_device"),
    [
        ("a@gmail.com", "https://oauth2.googleapis.com/token", False),
        ("a@outlook.com", "https://login.microsoftonline.com/firm.example/oauth2/v2.0/token", True),
    ],
)
def test_a_known_provider_needs_no_password_and_no_addresses(
    settings: Load, address: str, token_url: str, by_device: bool
) -> None:
    given = {**BY_TOKEN, "MAIL_ADDRESS": address, "MAIL_OAUTH_TENANT": "firm.example"}
    read = settings({**given, "MAIL_OAUTH_CLIENT_SECRET": "hidden"})
    [mailbox] = read.mailboxes
    assert (mailbox.oauth.token_url, bool(mailbox.oauth.device_url)) == (token_url, by_device)
    assert mailbox.oauth.client_secret.get_secret_value() == "hidden"
    assert mailbox.oauth.scopes
    assert mailbox.smtp.auth == "xoauth2"
    assert "hidden" not in repr(read)


def test_without_an_id_of_the_bridge_its_variable_is_named(settings: Load) -> None:
    given = {**BY_TOKEN, "MAIL_ADDRESS": "a@gmail.com", "MAIL_OAUTH_CLIENT_ID": ""}
    assert complaint(settings, given).startswith("MAIL_OAUTH_CLIENT_ID is not set")


def test_smtp_may_have_a_password_of_its_own_beside_a_token_for_imap(settings: Load) -> None:
    read = settings({**BY_TOKEN, "MAIL_ADDRESS": "a@gmail.com", "MAIL_SMTP_PASSWORD": "x"})
    [mailbox] = read.mailboxes
    assert mailbox.imap
    assert (mailbox.imap.auth, mailbox.smtp.auth) == ("xoauth2", "password")


OTHER = """
[[mailbox]]
address = "a@example.com"
channel = "#a"
imap = {host = "imap.example.com", auth = "xoauth2"}
smtp = {host = "smtp.example.com"}
"""
ADDRESSES = 'token_url = "https://sso.example.com/token", device_url = "https://sso.example.com/device"'


@pytest.mark.parametrize(
    ("oauth", "says"),
    [
        ("", "`oauth.client_id` of mailbox 1 in bridge.toml is not set"),
        ('{client_id = "b"}', "`oauth.token_url` of mailbox 1 in bridge.toml is not set"),
        ('{client_id = "b", token_url = "https://sso.example.com"}', "`oauth.authorize_url` of mailbox 1"),
        (
            '{client_id = "b", token_url = "http://sso.example.com"}',
            "`oauth.token_url` of mailbox 1 in bridge.toml must",
        ),
        (f'{{client_id = "b", client_secret_env = "NO_SUCH", {ADDRESSES}}}', "`oauth.client_secret_env` of mailbox 1"),
        (f'{{client_id = "b", client_secret = "hidden", {ADDRESSES}}}', "`oauth.client_secret` of mailbox 1"),
    ],
)
def test_what_another_provider_lacks_is_asked_for(settings: Load, oauth: str, says: str) -> None:
    sentence = complaint(settings, {}, toml=OTHER + (f"oauth = {oauth}" if oauth else ""))
    assert sentence.startswith(says)
    assert "hidden" not in sentence


def test_another_provider_is_used_as_it_was_told(settings: Load) -> None:
    read = settings(
        {"SECRET": "s"}, toml=OTHER + f'oauth = {{client_id = "b", client_secret_env = "SECRET", {ADDRESSES}}}'
    )
    oauth = read.mailboxes[0].oauth
    assert (oauth.client_secret.get_secret_value(), oauth.authorize_url) == ("s", "")
    assert oauth.token_url == "https://sso.example.com/token"


# --- what Slack shows -------------------------------------------------------------------------------------------------


def test_reactions_mean_verbs_by_emoji_and_none_by_themselves(settings: Load) -> None:
    assert settings(MAILBOX).reactions == {}
    toml = '[reactions]\neyes = "claim"\n":white_check_mark:" = "close"\n'
    assert settings(MAILBOX, toml=toml).reactions == {"eyes": "claim", "white_check_mark": "close"}


@pytest.mark.parametrize(
    ("toml", "names"),
    [
        ('[reactions]\neyes = "delete"\n', "reactions"),  # it asks first, which a reaction cannot
        ('[reactions]\neyes = "send"\n', "reactions"),
        ("[reactions]\n'👀' = \"claim\"\n", "reactions"),
        ("[flood]\ncards = -1\n", "cards"),
        ("[flood]\nsecond = 60\n", "seconds"),
    ],
)
def test_what_slack_cannot_be_made_to_do_is_told(settings: Load, toml: str, names: str) -> None:
    assert names in complaint(settings, MAILBOX, toml=toml)


def test_how_a_conversation_shows_again_is_one_of_three(settings: Load) -> None:
    assert settings(MAILBOX).mailboxes[0].resurface == "broadcast"
    toml = '[[mailbox]]\nresurface = "loudly"\n'
    assert "resurface" in complaint(settings, MAILBOX, toml=toml)


def test_templates_are_read_and_a_broken_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    good = '[[template]]\nname = "Sorry"\ntext = "Dear {{ sender.name }}"\nfolder = "Care"\n'
    file.write_text(good, encoding="utf-8")
    environ = {"BRIDGE_DATA": str(tmp_path)}
    [template] = load(config_file=file, environ=environ, env_file=None).templates
    assert (template.name, template.text, template.folder) == ("Sorry", "Dear {{ sender.name }}", "Care")
    file.write_text(good + '[[template]]\nname = "Two"\ntext = "Dear {{ customer }}"\n', encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"template.1.text.*no customer"):
        load(config_file=file, environ=environ, env_file=None)
    file.write_text('[[template]]\nname = "Three"\n', encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"template.0.text.*is not set"):
        load(config_file=file, environ=environ, env_file=None)
    file.write_text(good + good.replace("Sorry", "sorry"), encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"template.1.name.*one of its own"):
        load(config_file=file, environ=environ, env_file=None)


# --- filters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        'rspamd = "http://127.0.0.1:11333"',
        'rspamd = "http://rspamd:11333/"',
        'rspamd = "https://filter.example.com"',
        'clamd = "unix:/run/clamav/clamd.ctl"',
        'clamd = "[::1]:3310"',
        'clamd = "clamd:3310"',
    ],
)
def test_filters_are_named_where_they_are_near_or_by_https(settings: Load, line: str) -> None:
    assert settings({}, toml=f"[spam]\n{line}").spam


@pytest.mark.parametrize(
    "line",
    [
        'rspamd = "http://filter.example.com:11333"',
        'rspamd = "127.0.0.1:11333"',
        'rspamd = "http://user:word@127.0.0.1:11333"',
        'clamd = "scanner.example.com:3310"',
        'clamd = "/run/clamav/clamd.ctl"',
        'clamd = "127.0.0.1"',
    ],
)
def test_no_mail_is_given_to_a_filter_in_the_clear_over_the_internet(settings: Load, line: str) -> None:
    with pytest.raises(Misconfigured, match=r"spam\.(rspamd|clamd)"):
        settings({}, toml=f"[spam]\n{line}")


def test_a_controllers_password_comes_from_its_variable_and_is_never_shown(settings: Load) -> None:
    toml = '[spam]\nrspamd = "http://127.0.0.1:1"\nrspamd_password_env = "RSPAMD_PASSWORD"'
    read = settings({"RSPAMD_PASSWORD": "a-secret-word"}, toml=toml)
    assert read.spam.rspamd_password.get_secret_value() == "a-secret-word"
    assert "a-secret-word" not in repr(read)
    with pytest.raises(Misconfigured, match="rspamd_password_env"):
        settings({}, toml=toml)
