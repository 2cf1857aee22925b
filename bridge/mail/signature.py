"""What stands below a mail: the agent's own lines, then the mailbox's (pure)."""

import re

_OWN = "{signature}"
_WORD = re.compile(r"\{(?:name|address|signature)\}")


def signature(mailbox: str, *, own: str, name: str, address: str) -> str:
    """The signature in plain text, or nothing.

    In the mailbox's, `{name}` is the agent's name, `{address}` the mailbox's address and `{signature}` the agent's own
    lines, which else stand above it. Other braces are kept as they are.
    """
    known = {"{name}": name, "{address}": address, _OWN: own.strip()}
    if known[_OWN] and _OWN not in mailbox:
        mailbox = f"{_OWN}\n{mailbox}"
    lines = [line for line in mailbox.splitlines() if known.get(line.strip(), line) or not line.strip()]
    return _WORD.sub(lambda word: known[word[0]], "\n".join(lines)).strip()
