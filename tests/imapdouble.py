"""The demo's IMAP server as tests meet it: over verified TLS."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from bridge.demo.imapserver import Double, running
from bridge.mail.imap import ImapServer


@contextlib.asynccontextmanager
async def running_double(certificates: Path, **more: Any) -> AsyncIterator[Double]:
    """The server on a free port, with the certificate of `dovecot.write_certificates` in that folder."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    async with running(tls=tls, **more) as double:
        yield double


def server_of(double: Double, certificates: Path, **more: Any) -> ImapServer:
    """How to reach it."""
    settings: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": double.port,
        "security": "tls",
        "username": "support@example.com",
        "password": "secret",
        "ca_file": certificates / "ca.pem",
        "timeout": 10.0,
    }
    return ImapServer(**settings | more)
