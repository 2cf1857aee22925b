"""How many files this process may have open: a thousand watched mailboxes need more than most systems give unasked."""

import resource

_SPARE = 300  # for the database, Slack and everything else


def allow_files(count: int) -> bool:
    """Raise our own limit, and that of what we start, to so many open files beside the usual ones.

    False where the system's hard limit is below that; then it is raised as far as that goes.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + _SPARE
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return True
    may = hard == resource.RLIM_INFINITY or hard >= needed
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed if may else hard, hard))
    return may
