"""What stands in front of a mail that may do harm: what filters say of it, and its files that are held back.

Pure: records in, Block Kit out. Quiet where nothing is wrong, as `bridge.slack.about` is.
"""

from bridge.model import Direction, Risk, Spam, StoredFile, StoredMessage, Verdict
from bridge.sentences import mark, plural, say
from bridge.slack.blocks import Block, and_more, button, inert, mail_value, marked, plain, section, shorten, size

HELD_SHOWN = 10  # files with a button each, of the 50 blocks that a message may have
NAMED = 3  # on the card
NAME_ASKED = 80  # characters of a file's name in the question, before what means something to Slack is written out
CONFIRM_MOST = 300  # characters of a question

RISKS = {
    Risk.PROGRAM: mark("it is a program"),
    Risk.SCRIPT: mark("it is a script, which runs when it is opened"),
    Risk.MACRO: mark("it is a document with macros"),
    Risk.SHORTCUT: mark("it is a shortcut, which opens something else"),
    Risk.DISK_IMAGE: mark("it is a disk image, whose content no mail filter looks into"),
    Risk.PAGE: mark("it is a web page, which may ask for passwords"),
    Risk.ARCHIVE: mark("it is an archive with a program or the like in it"),
}


def judged(mail: StoredMessage) -> list[str]:
    """What filters say against a mail of somebody else, in mrkdwn; nothing where they say nothing."""
    verdict = mail.verdict
    if verdict is None or mail.direction is Direction.OUT:
        return []
    if verdict.virus:
        virus = inert(shorten(verdict.virus, 80))
        return [say(":rotating_light: There is a virus in it: {virus}. Do not open its files.", virus=virus)]
    if verdict.level is Spam.SPAM:
        return [say(":no_entry_sign: Spam, says {filter}.", filter=_filter(verdict))]
    if verdict.level is Spam.SUSPICIOUS:
        return [say(":warning: Perhaps spam, says {filter}.", filter=_filter(verdict))]
    return []


def _filter(verdict: Verdict) -> str:
    by = inert(shorten(verdict.by, 40)) or say("the mail server")
    return (
        by if verdict.score is None else say("{filter} ({score} points)", filter=by, score=format(verdict.score, "g"))
    )


def held_in_short(mail: StoredMessage) -> list[str]:
    """On the card: which files of a mail are held, in mrkdwn."""
    held = [one for one in mail.files if one.kept_out]
    if not held:
        return []
    names = and_more(", ".join(_name(one) for one in held[:NAMED]), len(held) - NAMED)
    return [say(":lock: Held back, and to be released in the thread: {names}", names=names)]


def held(mail: StoredMessage) -> list[Block]:
    """In the thread: each held file with why it is, and a button that lets it in after another question."""
    files = [one for one in mail.files if one.kept_out]
    blocks = [section(_why(one), accessory=_release(mail, one)) for one in files[:HELD_SHOWN]]
    if (more := len(files) - HELD_SHOWN) > 0:
        blocks.append(
            section(plural(more, ":lock: {n} more file is held back.", ":lock: {n} more files are held back."))
        )
    return blocks


def _why(file: StoredFile) -> str:
    assert file.held  # noqa: S101 - the caller looked
    why = say(RISKS[file.held])
    return say(":lock: *{name}* ({size}) is held back: {why}.", name=_name(file), size=size(file.size), why=why)


def _release(mail: StoredMessage, file: StoredFile) -> Block:
    assert file.held  # noqa: S101 - the caller looked
    virus = mail.verdict.virus if mail.verdict else ""
    warning = say("A virus was found in this mail: {virus}.", virus=inert(shorten(virus, 30))) if virus else ""
    question = say("It comes into this thread, where everybody can open it. Are you sure that you know its sender?")
    made = button(
        shorten(say("Release {name}", name=file.filename), 75),
        "release_file",
        f"{mail_value(mail.number, mail.id)}:{file.position}",
    )
    made["confirm"] = {
        "title": plain(say("Release this file?")),
        "text": marked(_asked(f"{question} {warning}".strip(), file)),
        "confirm": plain(say("Release it")),
        "deny": plain(say("Keep it out")),
        "style": "danger",
    }
    return made


def _asked(question: str, file: StoredFile) -> str:
    """The question, and after it the file and why it is held, as much of its name as there is room for."""
    assert file.held  # noqa: S101 - the caller looked
    why = say(RISKS[file.held])
    for most in range(NAME_ASKED, 0, -1):
        asked = f"{question}\n{inert(shorten(file.filename, most))}: {why}."
        if len(asked) <= CONFIRM_MOST:
            return asked
    return f"{question}\n{why}."[:CONFIRM_MOST]


def _name(file: StoredFile) -> str:
    return inert(shorten(file.filename, 80)) or say("a file without a name")
