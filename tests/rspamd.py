"""A throwaway Rspamd for a test: one that scans, with its own test pattern and hardly anything else, or one that learns.

They are two, since a classifier's SQLite files are for one process: those of another may find them locked.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from dovecot import free_ports

# In two pieces, so that no filter takes this file for what it speaks of.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
READY_SECONDS = 60.0  # until it listens, on a machine that does much else
READS, TEACHES = "may read its figures", "may teach it"  # its controller's passwords, asked for by this machine too
LEAST_TOKENS = 11  # as Debian has it: a mail with fewer is nothing to learn from

CONFIGURATION = """
options {{
  pidfile = "{folder}/pid";
  control_socket = "{folder}/control mode=0600";
  hs_cache_dir = "{folder}";
  disable_hyperscan = true;
  url_tld = "{folder}/tld";
  filters = "";
  enable_test_patterns = true;
  dns {{ nameserver = "127.0.0.1:9"; timeout = 0.1s; retransmits = 1; }}
}}
logging {{ type = "file"; filename = "{folder}/log"; level = "warning"; }}
actions {{ reject = 15; add_header = 6; greylist = 4; }}
"""

SCANS = """
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
"""

LEARNS = f"""
worker "controller" {{{{
  bind_socket = "127.0.0.1:{{port}}";
  count = 1;
  password = "{READS}";
  enable_password = "{TEACHES}";
  secure_ip = [];
}}}}
classifier "bayes" {{{{
  tokenizer {{{{ name = "osb"; }}}}
  backend = "sqlite3";
  cache {{{{ type = "sqlite3"; path = "{{folder}}/learned.sqlite"; }}}}
  min_tokens = {LEAST_TOKENS};
  min_learns = 1;
  statfile {{{{ symbol = "BAYES_HAM"; path = "{{folder}}/ham.sqlite"; spam = false; }}}}
  statfile {{{{ symbol = "BAYES_SPAM"; path = "{{folder}}/spam.sqlite"; spam = true; }}}}
}}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """A controller with a classifier that has learned nothing yet."""

    url: str

    def learned(self) -> tuple[int, int]:
        """How many mails it holds for spam, and how many for none."""
        asked = urllib.request.Request(f"{self.url}/stat", headers={"Password": READS})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            counts = {one["symbol"]: one["revision"] for one in json.load(answer)["statfiles"]}
        return counts["BAYES_SPAM"], counts["BAYES_HAM"]


@contextmanager
def running_rspamd() -> Iterator[str]:
    """Starts one that scans and gives its URL; skips where it is not installed, and fails there in CI."""
    with _running(SCANS) as url:
        yield url


@contextmanager
def running_learner() -> Iterator[Learner]:
    """Starts one that learns; likewise."""
    with _running(LEARNS) as url:
        yield Learner(url=url)


@contextmanager
def _running(parts: str) -> Iterator[str]:
    program = shutil.which("rspamd")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("rspamd is not installed, and CI must test with it")
        pytest.skip("rspamd is NOT tested: it is not installed")
    folder = Path(tempfile.mkdtemp(prefix="rspamd-"))
    port = free_ports(1)[0]
    (folder / "tld").write_text("com\norg\n")  # its own list takes half a minute to compile
    (folder / "conf").write_text((CONFIGURATION + parts).format(folder=folder, port=port))
    root = ["-i", "-u", "root", "-g", "root"] if os.geteuid() == 0 else []
    command = [program, "-f", *root, "-c", str(folder / "conf")]
    with (folder / "out").open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    try:
        _wait(server, port, folder)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
        shutil.rmtree(folder)


def _wait(server: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"rspamd did not start: {(folder / 'out').read_text()[-500:]}")
