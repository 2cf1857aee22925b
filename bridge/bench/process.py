"""A process that is measured: what it takes of memory and processor, as the system counts it (proc(5), Linux)."""

import os
from pathlib import Path

from bridge.errors import Refused

_TICK = os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """What it holds now, in MB (resident set)."""
    return _kilobytes(pid, "VmRSS") / 1000


def peak_memory(pid: int) -> float:
    """The most that it ever held, in MB."""
    return _kilobytes(pid, "VmHWM") / 1000


def processor(pid: int) -> float:
    """The seconds of processor time that it has used, all threads together."""
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _kilobytes(pid: int, name: str) -> float:
    """A line of /proc/PID/status, which counts in units of 1,024 bytes."""
    line = next(one for one in _read(pid, "status").splitlines() if one.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / 1000


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text("utf-8")
    except OSError as error:
        raise Refused("Memory and processor time of a process are only told on Linux, while it runs.") from error
