"""A throwaway Dovecot for a test session: any user, the password below, TLS by a certificate of its own authority."""

import contextlib
import os
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from bridge.mail.imap import ImapServer

PASSWORD = "open-sesame-of-this-dovecot"

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login {mechanisms}
{oauth}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u allow_all_users=yes
}}
mail_location = maildir:~/Maildir
first_valid_uid = 0
default_internal_user = {internal_user}
default_login_user = {login_user}
default_internal_group = {internal_group}
default_client_limit = 20000
default_process_limit = 3000
mail_max_userip_connections = 0
auth_failure_delay = 0
shutdown_clients = yes
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Trash {{
    special_use = \\Trash
    auto = subscribe
  }}
  mailbox Sent {{
    special_use = \\Sent
    auto = subscribe
  }}
  mailbox Ablage {{
    special_use = \\Archive
    auto = subscribe
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
  service_count = 0
  client_limit = 5000
  {chroot}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service anvil {{
  {chroot}
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  {chroot}
}}
"""


OAUTH = """
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth.conf
}}
"""

INTROSPECTION = """
introspection_mode = post
introspection_url = {url}
username_attribute = username
active_attribute = active
active_value = true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dovecot:
    """A running server: its ports on 127.0.0.1, its authority's certificate, and the folder of its log."""

    imap: int
    imaps: int
    lmtp: int
    ca_file: Path
    folder: Path

    def server(self, user: str, **more: Any) -> ImapServer:
        """How to reach a user's mailbox, over TLS."""
        settings: dict[str, Any] = {
            "host": "localhost",
            "port": self.imaps,
            "security": "tls",
            "username": user,
            "password": PASSWORD,
            "ca_file": self.ca_file,
            "timeout": 20.0,
        }
        return ImapServer(**settings | more)

    def deliver(self, user: str, *mails: bytes) -> None:
        """Hands mails over by LMTP; they are in the inbox when this returns."""
        with smtplib.LMTP("127.0.0.1", self.lmtp) as lmtp:
            for mail in mails:
                lmtp.sendmail("customer@example.com", [user], mail)


@contextlib.contextmanager
def running_dovecot(*, introspection: str = "") -> Iterator[Dovecot]:
    """Starts it as root or as an ordinary user; skips where it is not installed, and fails there in CI.

    `introspection`: the URL that is asked whether an access token is good (RFC 7662); without it, no XOAUTH2.
    """
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Dovecot is not installed, and CI must test on it")
        pytest.skip("IMAP is NOT tested on a real server: no dovecot in PATH")
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    folder.chmod(0o755)
    ports = dict(zip(("imap", "imaps", "lmtp"), free_ports(3), strict=True))
    write_certificates(folder)
    oauth = {"mechanisms": "xoauth2", "oauth": OAUTH.format(folder=folder)} if introspection else {}
    (folder / "oauth.conf").write_text(INTROSPECTION.format(url=introspection))
    said = {"mechanisms": "", "oauth": "", **oauth, **ports, **identity(folder)}
    (folder / "dovecot.conf").write_text(CONFIGURATION.format(folder=folder, password=PASSWORD, **said))
    command = [program, "-F", "-c", str(folder / "dovecot.conf")]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for port in ports.values():
            wait_for_greeting(port, server)
        yield Dovecot(**ports, ca_file=folder / "ca.pem", folder=folder)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


def identity(folder: Path) -> dict[str, str]:
    """Who its processes run as."""
    if os.geteuid() != 0:
        me = pwd.getpwuid(os.geteuid())
        (folder / "mail").mkdir()
        user = me.pw_name
        ids = {"uid": str(me.pw_uid), "gid": str(me.pw_gid), "chroot": "chroot ="}
        return {"internal_user": user, "login_user": user, "internal_group": _group(me.pw_gid)} | ids
    (folder / "mail").mkdir()
    shutil.chown(folder / "mail", "mail", "mail")
    ids = {"uid": "mail", "gid": "mail", "chroot": ""}
    return {"internal_user": "dovecot", "login_user": "dovenull", "internal_group": "dovecot"} | ids


def _group(gid: int) -> str:
    import grp  # noqa: PLC0415 - not on every system

    return grp.getgrgid(gid).gr_name


def write_certificates(folder: Path) -> None:
    """`ca.pem`, and `cert.pem` with `key.pem` for localhost."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(folder / "cert.pem", append=True)


def free_ports(count: int) -> list[int]:
    """Ports that nobody has now; bound together, so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_for_greeting(port: int, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            assert server.poll() is None, "Dovecot ended at its start"
            assert time.monotonic() < until, "Dovecot does not listen"
            time.sleep(0.01)
        else:
            return
