"""What went wrong with an IMAP server, by kind; decided here alone.

Response codes decide (RFC 5530), then what kind of thing failed. Words decide only where servers have no code for what
they mean, which is how Exchange throttles and Gmail counts connections. Unknown means temporary, but for a refused
login: trying that again and again locks accounts.
"""

import contextlib
import imaplib
import random
import re
import socket
import ssl
from collections.abc import Iterator, Sequence

from bridge.errors import BridgeError, Permanent, Temporary
from bridge.mail.imap.answers import Response
from bridge.sentences import mark, say
from bridge.settings.providers import token_refused

_BACKOFF = re.compile(r"Suggested Backoff Time:\s*(\d+)\s*milliseconds", re.IGNORECASE)
_CODE = re.compile(r"\[([A-Z0-9-]+)")
_CROWDED = re.compile(r"too many (?:simultaneous )?connections|maximum number of connections", re.IGNORECASE)
_PASSING = re.compile(r"temporar|try again|throttl|backoff|too many|busy|unavailable|internal error", re.IGNORECASE)
_NOT_CONNECTED = re.compile(r"authenticated but not connected", re.IGNORECASE)
_APP_PASSWORD = re.compile(r"application-specific password|app password", re.IGNORECASE)

_LATER = {"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "EXPUNGEISSUED", "CORRUPTION"}
_NEVER = {"NONEXISTENT", "TRYCREATE", "NOPERM", "CANNOT", "OVERQUOTA", "TOOBIG", "ALREADYEXISTS", "BADCHARSET"}
_CROWDED_WAIT = 60.0  # seconds: connections that the server still counts go away by then
_LONGEST_WAIT = 300.0  # seconds between tries: a server that is back is found within that
_SHOWN = 200  # characters of a server's words that are worth repeating
_GMAIL = ("imap.gmail.com", "imap.googlemail.com")


class Backoff:
    """How long to wait before the next try: decorrelated jitter, so that many mailboxes do not come back together.

    `base`: seconds, the most that the first wait takes and the least that the others do.
    """

    def __init__(self, *, base: float) -> None:
        self._base = base
        self._last = 0.0

    def next(self, *, asked: float | None) -> float:
        """Seconds to wait now; at least as long as the other side has `asked` for."""
        least, most = (self._base, 3 * self._last) if self._last else (0.0, self._base)
        wait = min(random.uniform(least, most), _LONGEST_WAIT)  # noqa: S311 - no secret
        self._last = max(wait, self._base)
        return max(wait, asked or 0.0)

    def reset(self) -> None:
        """It went well for a while."""
        self._last = 0.0


class NotDone(Exception):
    """The server answered a command with NO or BAD; the connection stands. `str()` is the server's own words, and
    `responses` what else it said.
    """

    def __init__(self, words: str, *, responses: Sequence[Response] = ()) -> None:
        super().__init__(words)
        self.responses = responses


def asks_to_wait(words: str) -> bool:
    """Whether an answer is about us and not about what was asked for."""
    return _wait(words) is not None or _NOT_CONNECTED.search(words) is not None


def passes(words: str) -> bool:
    """Whether an answer says of itself that it will be another one later."""
    code = _CODE.search(words)
    return asks_to_wait(words) or bool(code and code[1] in _LATER) or _PASSING.search(words) is not None


def refusal(words: str, *, doing: str) -> Temporary | Permanent:
    """What a NO, a BAD or a BYE means. `doing` ends the sentence "The mail server would not ..."; in English, else in
    the language that it was said in.
    """
    said = _one_line(words)
    code = _CODE.search(words)
    wait = _wait(words)
    if _NOT_CONNECTED.search(words):
        return Temporary(
            say(
                "The mail server knows the account and gives no access to its mailbox: it is overloaded, or the "
                "account lacks the permission."
            ),
            detail=said,
            retry_after=wait or _CROWDED_WAIT,
        )
    if wait is not None:
        return Temporary(say("The mail server asks to wait: {words}", words=said), detail=said, retry_after=wait)
    sentence = say("The mail server would not {do}: {words}", do=say(doing), words=said)
    return Permanent(sentence, detail=said) if code and code[1] in _NEVER else Temporary(sentence, detail=said)


def refused_login(words: str, *, host: str, by_token: bool = False) -> BridgeError:
    """What a refused login means; with what to do about it. `by_token`: it was XOAUTH2, with a fresh token."""
    said = _one_line(words)
    code = _CODE.search(words)
    passing = code[1] in _LATER if code and code[1] not in {"ALERT", "AUTHENTICATIONFAILED"} else None
    if passing or (passing is None and _PASSING.search(words)) or _wait(words) is not None:
        return refusal(words, doing=mark("sign us in"))
    if by_token:
        return Permanent(token_refused(said), detail=said)
    return Permanent(_refused_login(said, host=host, app=bool(_APP_PASSWORD.search(words))), detail=said)


def _refused_login(words: str, *, host: str, app: bool) -> str:
    """`app`: the server asks for an app password."""
    if host.lower() in _GMAIL:
        return say(
            "The mail server refused the login ({words}): check MAIL_USERNAME and MAIL_PASSWORD (in bridge.toml: "
            "username and password_env); it must be an app password, made at "
            "https://myaccount.google.com/apppasswords.",
            words=words,
        )
    if app:
        return say(
            "The mail server refused the login ({words}): use an app password made in the account's security settings.",
            words=words,
        )
    return say(
        "The mail server refused the login ({words}): check MAIL_USERNAME and MAIL_PASSWORD (in bridge.toml: "
        "username and password_env).",
        words=words,
    )


@contextlib.contextmanager
def named(*, doing: str) -> Iterator[None]:
    """Turns what the network, TLS and the library raise into failures by kind. `doing` as in `refusal`."""
    try:
        yield
    except NotDone as error:
        raise refusal(str(error), doing=doing) from error
    except ssl.SSLCertVerificationError as error:
        raise Permanent(
            say(
                "The mail server's certificate is not to be trusted ({why}): check MAIL_IMAP_HOST, "
                "or name its authority in MAIL_CA_FILE.",
                why=error.verify_message,
            ),
            detail=repr(error),
        ) from error
    except ssl.SSLError as error:
        raise Temporary(
            say("The mail server did not agree on TLS: if it never does, check MAIL_IMAP_PORT and MAIL_IMAP_SECURITY."),
            detail=repr(error),
        ) from error
    except TimeoutError as error:
        raise Temporary(say("The mail server fell silent."), detail=f"while it should {doing}: {error!r}") from error
    except socket.gaierror as error:
        raise Temporary(
            say("The mail server's name cannot be found: check MAIL_IMAP_HOST."), detail=repr(error)
        ) from error
    except OSError as error:
        raise Temporary(
            say("The mail server cannot be reached."), detail=f"while it should {doing}: {error!r}"
        ) from error
    except imaplib.IMAP4.error as error:
        raise _broken(str(error), doing=doing) from error


def _broken(words: str, *, doing: str) -> BridgeError:
    """The library gave a connection up: closed, said good-bye, or spoke no IMAP."""
    if "socket error" in words:
        return Temporary(say("The mail server closed the connection."), detail=f"while it should {doing}: {words}")
    failure = refusal(words, doing=doing)
    return failure if isinstance(failure, Temporary) else Temporary(str(failure), detail=failure.detail)


def _wait(words: str) -> float | None:
    """Seconds that the server asks for, or that are wise where it has too many connections of ours."""
    if told := _BACKOFF.search(words):
        return int(told[1]) / 1000
    return _CROWDED_WAIT if _CROWDED.search(words) else None


def _one_line(words: str) -> str:
    """A server's words as they may stand in a sentence."""
    line = " ".join(words.split())[:_SHOWN]
    return "".join(character if character.isprintable() else "?" for character in line)
