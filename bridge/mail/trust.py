"""Whom a mail server must prove to be before anything is said to it (RFC 8314): verified TLS, or this very machine."""

import ssl
from functools import lru_cache
from pathlib import Path

from bridge.errors import Misconfigured
from bridge.sentences import say
from bridge.settings.near import is_loopback
from bridge.settings.providers import Security

_FILES = 8  # contexts kept: each holds every authority of the system, about half a megabyte


def tls_context(host: str, *, security: Security, ca_file: Path | None, setting: str) -> ssl.SSLContext | None:
    """What the server's certificate is checked against; None where `security` is "none". Reads files.

    `ca_file` is trusted beside the system's authorities. `setting` is the key to name. Raises Misconfigured for a
    server elsewhere that is to be spoken to in the clear, and for a file that holds no certificates.
    """
    if security != "none":
        return _context(ca_file)
    if not is_loopback(host):
        raise Misconfigured(
            say(
                "{setting} is none, which is for a mail server on this machine only: use tls or starttls.",
                setting=setting,
            )
        )
    return None


@lru_cache(maxsize=_FILES)
def _context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise Misconfigured(
                say("MAIL_CA_FILE cannot be read as certificates: it must be a PEM file."), detail=repr(error)
            ) from error
    return context
