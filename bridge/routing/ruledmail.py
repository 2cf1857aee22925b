"""The mail that rules send: a template's answer, as a draft that a person sends or by itself, and mails passed on.

Never because of automatic mail, and no more than so many to one address in a day (RFC 3834; `automation/byitself.py`);
answers and what is passed on are counted apart.
"""

from collections.abc import Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import canned, enclosures, rules
from bridge.automation import byitself
from bridge.automation.byitself import Words
from bridge.canned import Template, Templates
from bridge.errors import Refused
from bridge.mail.compose import forward_subject, reply_subject
from bridge.model import Address, Automatic, DraftKind
from bridge.routing.matching import Rule
from bridge.routing.sheet import Sheet
from bridge.sentences import say
from bridge.slack import richtext
from bridge.slack.markdown import literal, rich_text
from bridge.templates import Values, repeatable

PER_SENDER = 3  # answers of rules to one sender in a day, where the mailbox's acknowledgement says no other number
PASSED_ON = 200  # mails that rules pass on to one address in a day


class RuledMail:
    """Makes the drafts. `own`: our addresses, in lower case; `key` signs our Message-IDs."""

    def __init__(self, *, templates: Templates, own: Collection[str], key: bytes) -> None:
        self._templates = templates
        self._own = own
        self._key = key

    async def template(self, found: Sequence[Rule]) -> Template | str:
        """The template that an answer is made of, by the first rule that says so; or why there is none."""
        name = next((one.then.template for one in found if one.then.template), "")
        try:
            return await self._templates.find(name) if name else ""
        except Refused as refused:
            return str(refused)

    async def answer(self, conn: AsyncConnection, sheet: Sheet, rule: Rule, template: Template | str) -> None:
        """The template's words as a draft that a person sends; or one that leaves by itself, where a machine may."""
        sends, mail = rule.then.sends, sheet.mail
        if sends and sheet.why_not["unanswerable"]:
            await sheet.note(conn, rule, "not answered", sheet.why_not["unanswerable"])
            return
        filled = _filled(template, sheet)
        if isinstance(filled, str):
            await sheet.amiss(conn, rule, filled)
            return
        to = rules.recipients(DraftKind.REPLY, mail, own=self._own).to[:1]
        if sends:
            to = (mail.written_by or rules.answered_by_itself(mail.message, own=self._own),)
        if not to or (sends and not await self._may_answer(conn, sheet, rule, to[0])):
            return
        draft = byitself.draft_of(
            sheet.next_draft(),
            sheet.conversation,
            mail,
            mailbox=sheet.mailbox,
            key=self._key,
            kind=DraftKind.REPLY,
            to=to,
            words=Words(
                subject=filled.subject or reply_subject(mail.message.subject), rich_text=rich_text(filled.text)
            ),
            automatic=Automatic.REPLY,
            note=say("By the rule “{rule}”.", rule=rule.name),
        )
        if sends:
            await byitself.promise(conn, draft, hold=sheet.mailbox.hold)
        else:
            await byitself.propose(conn, draft)
        await sheet.note(conn, rule, "answer" if sends else "propose", f"template: {rule.then.template}")

    async def pass_on(self, conn: AsyncConnection, sheet: Sheet, rule: Rule, to: Address) -> None:
        """The mail, with its files, to somebody else: never what a machine wrote, nor to who wrote it, nor to us."""
        mail = sheet.mail
        why_not = sheet.why_not["unsendable"]
        if to.email.lower() in {*self._own, mail.customer.email.lower(), mail.message.author.email.lower()}:
            why_not = "it would go back to where it comes from"
        if why_not:
            await sheet.note(conn, rule, "not passed on", why_not)
            return
        if not await self._may_pass_on(conn, sheet, rule, to):
            return
        draft = byitself.draft_of(
            sheet.next_draft(),
            sheet.conversation,
            mail,
            mailbox=sheet.mailbox,
            key=self._key,
            kind=DraftKind.FORWARD,
            to=(to,),
            words=Words(subject=forward_subject(mail.message.subject), rich_text=richtext.from_text("")),
            automatic=Automatic.OTHER,
            files=tuple(one.file for one in enclosures.attachments_of(mail, checked=True) if one.checked),
            note=say("By the rule “{rule}”.", rule=rule.name),
        )
        await byitself.promise(conn, draft, hold=sheet.mailbox.hold)
        await sheet.note(conn, rule, "forward")

    async def _may_answer(self, conn: AsyncConnection, sheet: Sheet, rule: Rule, to: Address) -> bool:
        """Whether one more answer may go there; written down where it may not."""
        ack = sheet.mailbox.ack
        most, per_hour = (ack.per_sender, ack.per_hour) if ack else (PER_SENDER, byitself.PER_HOUR)
        may = await byitself.allowed(conn, sheet.conversation, to, most=most, per_hour=per_hour)
        if not may:
            await sheet.note(conn, rule, "not sent", "too many automatic mails went to that address, or in this hour")
        return may

    async def _may_pass_on(self, conn: AsyncConnection, sheet: Sheet, rule: Rule, to: Address) -> bool:
        """Whether one more mail may be passed on there; written down where it may not."""
        zone = sheet.mailbox.pace.hours.zone
        may = await byitself.may_pass_on(conn, sheet.conversation, to, most=PASSED_ON, zone=zone)
        if not may:
            await sheet.note(conn, rule, "not passed on", "as many as may be were passed on to that address today")
        return may


def _filled(template: Template | str, sheet: Sheet) -> Template | str:
    """The template with the mail's facts filled in, or why it cannot be."""
    if isinstance(template, str):
        return template
    values = Values(
        number=sheet.conversation.number,
        subject=sheet.mail.message.subject or sheet.conversation.subject,
        sender=repeatable(sheet.mail.customer),
        mailbox=sheet.mailbox.address,
        hours=sheet.mailbox.pace.hours,
    )
    try:
        return canned.filled(template, values, literal=literal)
    except Refused as refused:
        return str(refused)
