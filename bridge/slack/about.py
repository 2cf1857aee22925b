"""What an agent should know of a mail beside its words: whether to believe it, who wrote it, why it is here, what it
asks to come to.

Pure: records in, Block Kit out. Quiet where nothing is wrong or unusual: what is said of every mail is read of none.
"""

from datetime import timedelta

from bridge.model import Authenticity, Automatic, Direction, Invitation, Joined, StoredMessage
from bridge.slack.blocks import (
    NAME_LIMIT,
    Block,
    addresses,
    context,
    count,
    inert,
    moment,
    section,
    shorten,
)
from bridge.slack.guarding import held, judged

FILES_NAMED = 5
PLACE_LIMIT = 200  # characters of an event's summary or place

WHY = {
    Joined.SUBJECT_NUMBER: "its subject names this number, and its sender takes part",
    Joined.THREAD_INDEX: "Outlook counts it to the same conversation (Thread-Index)",
    Joined.NEVER_SEEN: "it refers to a mail that others here refer to, and that never came to this mailbox",
    Joined.OVERTAKEN: "a mail that came before it answers it",
}
"""The reasons for joining that nobody could guess from the mails themselves."""

ASKED = {
    "REQUEST": "Invitation",
    "PUBLISH": "Event",
    "CANCEL": "Cancelled",
    "COUNTER": "Another time is proposed",
    "ADD": "One more date",
}
ANSWERED = {"ACCEPTED": "Accepted", "DECLINED": "Declined", "TENTATIVE": "Perhaps"}


def about(mail: StoredMessage) -> list[Block]:
    """What a mail's thread message says of it above its words."""
    message = mail.message
    said = [*judged(mail), *doubts(mail)]
    blocks = [section("\n".join(said))] if said else []
    blocks += held(mail)
    blocks += [section(invited(message.invitation))] if message.invitation else []
    notes = [passed_on(mail), why_here(mail)]
    return blocks + [context(note) for note in notes if note]


# --- is it what it says? ----------------------------------------------------------------------------------------------


def doubts(mail: StoredMessage) -> list[str]:
    """What speaks against a mail of somebody else, a sentence each, the gravest first."""
    signs = mail.message.authenticity
    if signs is None or mail.direction is Direction.OUT:
        return []
    said = []
    if signs.lookalike:
        domains = f"*{_domain(mail.customer.email)}* only looks like *{inert(shorten(signs.lookalike, NAME_LIMIT))}*"
        said.append(f":rotating_light: {domains}: make sure who this is before you answer.")
    if forged := _unverified(signs):
        said.append(f":warning: Perhaps not from *{_domain(mail.message.author.email)}*: {forged}.")
    if signs.reply_to and mail.message.automatic is Automatic.NO and not mail.written_by:
        said.append(f":warning: Answers go to another domain: *{inert(shorten(signs.reply_to, NAME_LIMIT))}*.")
    kept_out = {one.filename for one in mail.files if one.kept_out}  # of these more is said than that
    if risky := [one for one in signs.risky if one not in kept_out]:
        names = ", ".join(inert(shorten(one, 80)) for one in risky[:FILES_NAMED])
        more = f" and {len(risky) - FILES_NAMED} more" if len(risky) > FILES_NAMED else ""
        said.append(f":warning: Can do harm when opened: {names}{more}.")
    return said


def _unverified(signs: Authenticity) -> str:
    """What the receiving server found wrong. DMARC sums up the other two; one of these alone often fails on honest
    mail that a server passed on.
    """
    if signs.dmarc == "fail":
        return "the mail server could not verify its sender (DMARC failed)"
    if not signs.dmarc and signs.spf in ("fail", "softfail") and signs.dkim != "pass":
        signed = "its signature is wrong" if signs.dkim == "fail" else "it is not signed"
        return f"the server it came from may not send for that domain (SPF failed), and {signed} (DKIM)"
    if not signs.dmarc and signs.dkim == "fail" and signs.spf != "pass":
        return "its signature is wrong (DKIM failed)"
    return ""


def _domain(email: str) -> str:
    return inert(shorten(email.rpartition("@")[2], NAME_LIMIT))


# --- who, and why here? -----------------------------------------------------------------------------------------------


def acquaintance(mail: StoredMessage, earlier: int | None) -> str:
    """How well its author is known, or nothing of a machine. `earlier`: their conversations before this one."""
    if earlier is None or mail.direction is Direction.OUT or mail.message.automatic is not Automatic.NO:
        return ""
    return count(earlier, "earlier conversation") if earlier else ":wave: First contact"


def passed_on(mail: StoredMessage) -> str:
    """Who passed a customer's mail on, or nothing."""
    if mail.written_by is None:
        return ""
    teammate = inert(shorten(str(mail.message.author), NAME_LIMIT))
    return f":arrow_right: Forwarded by {teammate}; answers go to the customer."


def why_here(mail: StoredMessage) -> str:
    """Why a mail came to its conversation, where that is not plain to see; or nothing."""
    why = WHY.get(mail.joined)
    return f":link: In this conversation because {why}." if why else ""


# --- what it asks to come to ------------------------------------------------------------------------------------------


def invited(event: Invitation) -> str:
    """A calendar's event: what, when, where, who."""
    answer = ANSWERED.get(event.answer, event.answer.title()) if event.method == "REPLY" else ""
    kind = inert(shorten(answer or ASKED.get(event.method, "Event"), 40))
    facts = [f":calendar: *{kind}: {inert(shorten(event.summary, PLACE_LIMIT)) or '(no title)'}*"]
    if when := _when(event):
        facts.append(when)
    if event.location:
        facts.append(f":round_pushpin: {inert(shorten(event.location, PLACE_LIMIT))}")
    if event.organizer:
        facts.append(f"by {addresses([event.organizer])}")
    if event.attendees:
        facts.append(f"with {addresses(event.attendees)}")
    return "\n".join(facts)


def _when(event: Invitation) -> str:
    """When it is, in the reader's own zone. Whole days are the same days for everybody."""
    if event.start is None:
        return ""
    if event.whole_days:
        last = event.end - timedelta(days=1) if event.end and event.end > event.start else event.start
        days = f"{event.start:%Y-%m-%d}" + (f" to {last:%Y-%m-%d}" if last > event.start else "")
        return days + _repeats(event)
    until = f" to {moment(event.end)}" if event.end and event.end > event.start else ""
    zone = f" (planned in {inert(shorten(event.zone, 60))})" if event.zone else ""
    return f"{moment(event.start)}{until}{zone}{_repeats(event)}"


def _repeats(event: Invitation) -> str:
    return ", and again later" if event.repeats else ""
