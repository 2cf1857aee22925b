"""A throwaway Rspamd for a test: it scans, with its own test pattern and hardly anything else."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dovecot import free_ports

# In two pieces, so that no filter takes this file for what it speaks of.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
READY_SECONDS = 60.0  # until it listens, on a machine that does much else

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
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
"""


@contextmanager
def running_rspamd() -> Iterator[str]:
    """Starts one and gives its URL; skips where it is not installed, and fails there in CI."""
    program = shutil.which("rspamd")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("rspamd is not installed, and CI must test with it")
        pytest.skip("rspamd is NOT tested: it is not installed")
    folder = Path(tempfile.mkdtemp(prefix="rspamd-"))
    port = free_ports(1)[0]
    (folder / "tld").write_text("com\norg\n")  # its own list takes half a minute to compile
    (folder / "conf").write_text(CONFIGURATION.format(folder=folder, port=port))
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
