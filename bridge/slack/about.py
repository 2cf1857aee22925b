"""What an agent should know of a mail beside its words: whether to believe it, who wrote it, why it is here, what it
asks to come to.

Pure: records in, Block Kit out. Quiet where nothing is wrong or unusual: what is said of every mail is read of none.
"""

from datetime import timedelta

from bridge.model import Authenticity, Automatic, Direction, Invitation, Joined, StoredMessage
from bridge.rules import Proof, proof
from bridge.sentences import mark, plural, say
from bridge.slack.blocks import (
    NAME_LIMIT,
    Block,
    addresses,
    and_more,
    context,
    inert,
    moment,
    section,
    shorten,
)
from bridge.slack.guarding import held, judged

FILES_NAMED = 5
PLACE_LIMIT = 200  # characters of an event's summary or place

WHY = {
    Joined.SUBJECT_NUMBER: mark(
        ":link: In this conversation because its subject names this number, and its sender takes part."
    ),
    Joined.THREAD_INDEX: mark(
        ":link: In this conversation because Outlook counts it to the same conversation (Thread-Index)."
    ),
    Joined.NEVER_SEEN: mark(
        ":link: In this conversation because it refers to a mail that others here refer to, and that never came to "
        "this mailbox."
    ),
    Joined.OVERTAKEN: mark(":link: In this conversation because a mail that came before it answers it."),
}
"""The reasons for joining that nobody could guess from the mails themselves."""

ASKED = {
    "REQUEST": mark("Invitation"),
    "PUBLISH": mark("Event"),
    "CANCEL": mark("Cancelled"),
    "COUNTER": mark("Another time is proposed"),
    "ADD": mark("One more date"),
}
ANSWERED = {"ACCEPTED": mark("Accepted"), "DECLINED": mark("Declined"), "TENTATIVE": mark("Perhaps")}


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
        lookalike = say(
            ":rotating_light: *{domain}* only looks like *{known}*: make sure who this is before you answer.",
            domain=_domain(mail.customer.email),
            known=inert(shorten(signs.lookalike, NAME_LIMIT)),
        )
        said.append(lookalike)
    if forged := _unverified(signs):
        domain = _domain(mail.message.author.email)
        said.append(say(":warning: Perhaps not from *{domain}*: {why}.", domain=domain, why=forged))
    if signs.reply_to and mail.message.automatic is Automatic.NO and not mail.written_by:
        domain = inert(shorten(signs.reply_to, NAME_LIMIT))
        said.append(say(":warning: Answers go to another domain: *{domain}*.", domain=domain))
    kept_out = {one.filename for one in mail.files if one.kept_out}  # of these more is said than that
    if risky := [one for one in signs.risky if one not in kept_out]:
        shown = ", ".join(inert(shorten(one, 80)) for one in risky[:FILES_NAMED])
        files = and_more(shown, len(risky) - FILES_NAMED)
        said.append(say(":warning: Can do harm when opened: {files}.", files=files))
    return said


def _unverified(signs: Authenticity) -> str:
    """What the receiving server found wrong. DMARC sums up the other two; one of these alone often fails on honest
    mail that a server passed on.
    """
    if signs.dmarc == "fail":
        return say("the mail server could not verify its sender (DMARC failed)")
    if not signs.dmarc and signs.spf in ("fail", "softfail") and signs.dkim == "fail":
        return say(
            "the server it came from may not send for that domain (SPF failed), and its signature is wrong (DKIM)"
        )
    if not signs.dmarc and signs.spf in ("fail", "softfail") and signs.dkim != "pass":
        return say("the server it came from may not send for that domain (SPF failed), and it is not signed (DKIM)")
    if not signs.dmarc and signs.dkim == "fail" and signs.spf != "pass":
        return say("its signature is wrong (DKIM failed)")
    return ""


def _domain(email: str) -> str:
    return inert(shorten(email.rpartition("@")[2], NAME_LIMIT))


# --- who, and why here? -----------------------------------------------------------------------------------------------


def acquaintance(mail: StoredMessage, earlier: int | None) -> str:
    """How well its author is known, or nothing of a machine. `earlier`: their conversations before this one."""
    if earlier is None or mail.direction is Direction.OUT or mail.message.automatic is not Automatic.NO:
        return ""
    if not earlier:
        return say(":wave: First contact")
    return plural(earlier, "{n} earlier conversation", "{n} earlier conversations")


def passed_on(mail: StoredMessage) -> str:
    """Who passed a customer's mail on, or nothing."""
    if mail.written_by is None:
        return ""
    teammate = inert(shorten(str(mail.message.author), NAME_LIMIT))
    told = say(":arrow_right: Forwarded by {who}; answers go to the customer.", who=teammate)
    if proof(mail.message) is Proof.GIVEN:
        return told
    customer = inert(shorten(mail.written_by.email, NAME_LIMIT))
    doubt = say(
        "Not verified: no mail server said that it is theirs, so make sure of {customer} first.", customer=customer
    )
    return f"{told}\n:warning: {doubt}"


def why_here(mail: StoredMessage) -> str:
    """Why a mail came to its conversation, where that is not plain to see; or nothing."""
    why = WHY.get(mail.joined)
    return say(why) if why else ""


# --- what it asks to come to ------------------------------------------------------------------------------------------


def invited(event: Invitation) -> str:
    """A calendar's event: what, when, where, who."""
    kind = say(ASKED.get(event.method, ASKED["PUBLISH"]))
    if event.method == "REPLY" and event.answer:
        kind = say(ANSWERED[event.answer]) if event.answer in ANSWERED else event.answer.title()
    kind = inert(shorten(kind, 40))
    facts = [f":calendar: *{kind}: {inert(shorten(event.summary, PLACE_LIMIT)) or say('(no title)')}*"]
    if when := _when(event):
        facts.append(when)
    if event.location:
        facts.append(f":round_pushpin: {inert(shorten(event.location, PLACE_LIMIT))}")
    if event.organizer:
        facts.append(say("by {whom}", whom=addresses([event.organizer])))
    if event.attendees:
        facts.append(say("with {whom}", whom=addresses(event.attendees)))
    return "\n".join(facts)


def _when(event: Invitation) -> str:
    """When it is, in the reader's own zone. Whole days are the same days for everybody."""
    if event.start is None:
        return ""
    if event.whole_days:
        last = event.end - timedelta(days=1) if event.end and event.end > event.start else event.start
        start, end = f"{event.start:%Y-%m-%d}", f"{last:%Y-%m-%d}"
        when = say("{start} to {end}", start=start, end=end) if last > event.start else start
    else:
        when = moment(event.start)
        if event.end and event.end > event.start:
            when = say("{start} to {end}", start=when, end=moment(event.end))
        if event.zone:
            when = say("{when} (planned in {zone})", when=when, zone=inert(shorten(event.zone, 60)))
    return say("{when}, and again later", when=when) if event.repeats else when
