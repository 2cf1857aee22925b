"""Run the demo or the tests from a bare Python: `python3 dev.py demo`, `python3 dev.py test`.

Makes `.venv` beside this file and installs the project into it, once, and again when what it needs has changed; with
the environment made, it works without a network. What follows the command goes on to `bridge demo` or `pytest`.
Standard library only, and readable by a Python that is too old, so that it can say so.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
CONSTRAINTS = ROOT / "constraints.txt"
OLDEST = (3, 11)

COMMANDS = {
    # The extra to install, and what to run.
    "demo": ("", ["-m", "bridge", "demo"]),
    "test": ("dev", ["-m", "pytest", "-n", "auto"]),
}


def main() -> None:
    """Prepare the environment and become the command."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        say("usage: python3 dev.py demo [options of bridge demo] | python3 dev.py test [options of pytest]")
        sys.exit(2)
    if sys.version_info < OLDEST:
        have = ".".join(map(str, sys.version_info[:2]))
        sys.exit(f"dev.py: this is Python {have}; the bridge needs {'.'.join(map(str, OLDEST))} or newer.")
    extra, command = COMMANDS[sys.argv[1]]
    prepare(extra)
    arguments = [str(PYTHON), *command, *sys.argv[2:]]
    if os.name == "nt":
        sys.exit(subprocess.run(arguments, check=False).returncode)
    # The command takes this process's place, so that Ctrl-C and SIGTERM reach it and nobody in between.
    os.execv(PYTHON, arguments)


def prepare(extra: str) -> None:
    """Make `.venv` hold the project and this extra, unless its stamp says that it does."""
    stamp = VENV / f"installed-{extra or 'demo'}"
    wanted = fingerprint()
    if PYTHON.exists() and stamp.is_file() and stamp.read_text() == wanted:
        return
    if not works(PYTHON):
        say("making .venv")
        run(
            [sys.executable, "-m", "venv", "--clear", str(VENV)],
            "could not make .venv; on Debian: apt install python3-venv",
        )
    say("installing what the project needs into .venv; this takes about a minute, once")
    target = f"{ROOT}[{extra}]" if extra else str(ROOT)
    run(
        [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", target],
        "could not install the project; see above (this step needs a network)",
    )
    stamp.write_text(wanted)


def fingerprint() -> str:
    """Changes when what is to be installed does."""
    parts = [(ROOT / "pyproject.toml").read_bytes(), CONSTRAINTS.read_bytes(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def works(python: Path) -> bool:
    """Whether the environment's Python still runs (it does not after its base was removed) and is new enough."""
    if not python.exists():
        return False
    asked = [str(python), "-c", f"import sys, pip; sys.exit(sys.version_info < {OLDEST})"]
    return subprocess.run(asked, check=False, stderr=subprocess.DEVNULL).returncode == 0


def run(arguments: list[str], complaint: str) -> None:
    """Run one step with the pinned versions, the build tools' among them; end with the complaint if it fails."""
    pinned = {"PIP_CONSTRAINT": str(CONSTRAINTS), "PIP_BUILD_CONSTRAINT": str(CONSTRAINTS)}
    if subprocess.run(arguments, check=False, env={**os.environ, **pinned}).returncode != 0:
        sys.exit(f"dev.py: {complaint}.")


def say(sentence: str) -> None:
    """One line of progress; stdout belongs to the command."""
    print(f"dev.py: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
