"""What this process takes of its system: how many files it may have open, and how much memory it holds on to."""

import contextlib
import ctypes
import resource

_SPARE = 300  # for the database, Slack and everything else
_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of glibc's malloc.h
_LARGE = 1 << 20  # bytes


def allow_files(count: int) -> bool:
    """Raise our own limit, and that of what we start, to so many open files beside the usual ones: a thousand watched
    mailboxes need more than most systems give unasked.

    False where the system's hard limit is below that; then it is raised as far as that goes.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + _SPARE
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return True
    may = hard == resource.RLIM_INFINITY or hard >= needed
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed if may else hard, hard))
    return may


def give_large_blocks_back() -> None:
    """Have blocks of over a megabyte go back to the system as soon as they are free.

    Left to itself, glibc raises that bound to the largest block it ever freed (mallopt(3)): after one mail of 34 MB,
    all that large files take is carved out of a heap with holes in it. Other C libraries do not have the fault.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)
