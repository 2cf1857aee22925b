"""A PostgreSQL of a test's own, which can be stopped and started again."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Server:
    """On a socket of its own, without a port; `url` is that of its database."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries, self._folder = binaries, folder
        self._user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
        if self._user:
            shutil.chown(folder, self._user)
        self.url = f"postgresql://bridge@/postgres?host={folder}&sslmode=disable"
        self._run("initdb", "--auth=trust", "--username=bridge", "--no-sync", "--encoding=UTF8", "--locale=C")

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories='{self._folder}' -c fsync=off"
        options += " -c max_locks_per_transaction=1024"  # ANALYZE locks the tables of every test's schema
        self._run("pg_ctl", "start", "--wait", f"--log={self._folder / 'log'}", f"--options={options}")

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is a crash; `fast` ends every session and shuts down in order."""
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}")

    def _run(self, program: str, *arguments: str) -> None:
        command: list[str | Path] = [self._binaries / program, "-D", self._folder / "data", *arguments]
        subprocess.run(command, check=True, cwd=self._folder, stdout=subprocess.DEVNULL, user=self._user)


@contextmanager
def running_postgresql() -> Iterator[Server]:
    """Starts one; skips where it is not installed, and fails there in CI."""
    binaries = [*Path("/usr/lib/postgresql").glob("*/bin"), *(Path(p) for p in os.get_exec_path())]
    found = next((folder for folder in binaries if (folder / "initdb").exists()), None)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL is not installed, and CI must test on it")
        pytest.skip("PostgreSQL is NOT tested: no initdb in /usr/lib/postgresql or PATH")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = Server(found, folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
