"""The mails that stand in the demo's inbox when it opens: what a small shop's support really gets.

Invented people at example.* domains write to the shop. Each mail shows one thing that real mail does: plain text, a
newsletter of tables and pictures, a PDF beside a picture in the text, Korean in EUC-KR, a quoted answer in the first
mail's thread, a bounce. Composed here in code; nothing is read from anywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.header import Header
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime

from bridge.demo import wording
from bridge.demo.attachments import Colour, pdf, png
from bridge.model import Address

SHOP = Address(name="Fernhill Coffee", email="hello@fernhill.example.com")
DANA = Address(name="Dana Reyes", email="dana.reyes@example.com")
PRIYA = Address(name="Priya Raman", email="priya.raman@example.com")
TOMAS = Address(name="Tomás Ferreira", email="tomas@ferreira-design.example.org")
MINSEO = Address(name="김민서", email="minseo.kim@example.net")
PACKAGING = Address(name="Harbor Packaging", email="news@harborpackaging.example.com")
POSTMASTER = Address(name="Mail Delivery Subsystem", email="mailer-daemon@mx.example.net")

CUSTOMERS = (DANA, PRIYA, TOMAS, MINSEO)
"""The people whose mail program the page shows."""

CANNED = """
[[template]]
name = "Sorry, a new one leaves today"
folder = "Shipping"
text = '''
Hi {{ sender.name }},

I am sorry about that. A new one **leaves today** and is with you in two days. There is nothing to send back.

Warm regards
{{ agent.name }}, {{ mailbox.name }}
'''

[[template]]
name = "Where is my order?"
folder = "Shipping"
text = '''
Hi {{ sender.name }},

thank you for writing. I am looking for your parcel and will tell you by *tomorrow noon* where it is:

1. I ask the carrier for the last scan.
2. If it is lost, we send everything again at no cost.

{{ agent.name }} (our number for this is #{{ number }})
'''

[[template]]
name = "배송 안내"
folder = "Shipping"
language = "ko"
text = '''
{{ sender.name }}님, 안녕하세요.

문의해 주셔서 감사합니다. 주문하신 상품은 **오늘 발송**됩니다.

{{ agent.name }} 드림
'''

[[template]]
name = "Wholesale prices"
folder = "Sales"
subject = "Wholesale prices of {{ mailbox.name }}"
text = '''
Hello {{ sender.name }},

our wholesale prices begin at 5 kg. May I call you this week?

{{ agent.name }}
'''
"""
"""The shop's canned answers, as they stand in its `bridge.toml`."""

_FIRST_ID = "<7c1e09f4-order-10482@example.com>"
_FAILED = {
    "Final-Recipient": "rfc822; h.lindqvist@example.net",
    "Action": "failed",
    "Status": "5.1.1",
    "Remote-MTA": "dns; mx.example.net",
    "Diagnostic-Code": "smtp; 550 5.1.1 Recipient address rejected: User unknown",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A mail on its way: envelope sender (empty for a bounce), envelope recipients, the bytes."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes = field(repr=False)


def samples(shop: Address = SHOP, *, at: datetime) -> tuple[Sample, ...]:
    """The mails, oldest first, to this address, written in the hours before `at` (aware)."""

    def ago(**span: int) -> datetime:
        return at - timedelta(**span)

    def sample(author: Address | None, raw: bytes, *copied: Address) -> Sample:
        recipients = tuple(address.email for address in (shop, *copied))
        return Sample(sender=author.email if author else "", recipients=recipients, raw=raw)

    return (
        sample(PACKAGING, newsletter(shop, at=ago(hours=5, minutes=12))),
        sample(MINSEO, korean(shop, at=ago(hours=3, minutes=40))),
        sample(None, bounce(shop, at=ago(hours=2, minutes=25))),
        sample(TOMAS, double_charge(shop, at=ago(hours=1, minutes=50))),
        sample(DANA, missing_bags(shop, at=ago(minutes=42)), PRIYA),
        sample(PRIYA, quoted_answer(shop, at=ago(minutes=17)), DANA),
    )


def missing_bags(shop: Address, *, at: datetime) -> bytes:
    """A plain text question, with a colleague in Cc."""
    mail = _letter(DANA, [shop], "Order 10482: two bags missing from today's delivery", at=at, message_id=_FIRST_ID)
    mail["Cc"] = [_header(PRIYA)]
    mail.set_content(wording.MISSING_BAGS)
    return mail.as_bytes()


def quoted_answer(shop: Address, *, at: datetime) -> bytes:
    """The colleague's answer to all, above the quoted first mail: it belongs in the same thread."""
    mail = _letter(PRIYA, [shop], "Re: Order 10482: two bags missing from today's delivery", at=at)
    mail["Cc"] = [_header(DANA)]
    mail["In-Reply-To"] = mail["References"] = _FIRST_ID
    quoted = "".join(f"> {line}".rstrip() + "\n" for line in wording.MISSING_BAGS.splitlines())
    mail.set_content(f"{wording.QUOTED_ANSWER}\nOn {at:%a, %d %b %Y}, {DANA.name} <{DANA.email}> wrote:\n{quoted}")
    return mail.as_bytes()


def korean(shop: Address, *, at: datetime) -> bytes:
    """Subject, name and body in EUC-KR, as older Korean mail programs still write."""
    mail = MIMEText(wording.KOREAN, "plain", "euc-kr")
    mail["Message-ID"] = "<202611-sub-3391@example.net>"
    mail["Date"] = format_datetime(at)
    mail["From"] = f"{_euc_kr(MINSEO.name)} <{MINSEO.email}>"
    mail["To"] = str(_header(shop))
    mail["Subject"] = _euc_kr("원두 정기배송 주소 변경 문의드립니다")
    return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))


def double_charge(shop: Address, *, at: datetime) -> bytes:
    """HTML with a picture in its text and a PDF attached."""
    mail = _letter(TOMAS, [shop], "Charged twice for invoice FH-2031?", at=at)
    mail.set_content(wording.DOUBLE_CHARGE)
    mail.add_alternative(wording.DOUBLE_CHARGE_HTML, subtype="html")
    body = mail.get_body(("html",))
    if isinstance(body, EmailMessage):
        picture = png(360, 120, _statement)
        body.add_related(picture, "image", "png", cid="<statement@ferreira-design>", filename="bank-statement.png")
    mail.add_attachment(
        pdf(wording.INVOICE), maintype="application", subtype="pdf", filename="Fernhill-invoice-FH-2031.pdf"
    )
    return mail.as_bytes()


def newsletter(shop: Address, *, at: datetime) -> bytes:
    """A supplier's newsletter: tables for layout, pictures, buttons, a way out (RFC 2369)."""
    mail = _letter(PACKAGING, [shop], "New: compostable bags from 250 pieces, and 12% off until Friday", at=at)
    mail["List-Id"] = "Harbor Packaging News <news.harborpackaging.example.com>"
    mail["List-Unsubscribe"] = "<https://harborpackaging.example.com/unsubscribe?u=8841>"
    mail["Precedence"] = "bulk"
    mail.set_content(wording.NEWSLETTER)
    mail.add_alternative(wording.NEWSLETTER_HTML, subtype="html")
    body = mail.get_body(("html",))
    if isinstance(body, EmailMessage):
        body.add_related(png(560, 180, _harbor), "image", "png", cid="<hero@harbor>", filename="hero.png")
        body.add_related(png(160, 110, _bags), "image", "png", cid="<bags@harbor>", filename="bags.png")
    return mail.as_bytes()


def bounce(shop: Address, *, at: datetime) -> bytes:
    """A delivery report (RFC 3464): the shop's shipping notice found no mailbox."""
    report = MIMEMultipart("report", report_type="delivery-status")
    report["Message-ID"] = "<dsn-90117@mx.example.net>"
    report["Date"] = format_datetime(at)
    report["From"] = str(_header(POSTMASTER))
    report["To"] = str(_header(shop))
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Auto-Submitted"] = "auto-replied"
    report.attach(MIMEText(wording.BOUNCE, "plain", "us-ascii"))
    status = MIMEBase("message", "delivery-status")
    arrived = format_datetime(at - timedelta(minutes=1))
    status.attach(_fields({"Reporting-MTA": "dns; mx.example.net", "Arrival-Date": arrived}))
    status.attach(_fields(_FAILED))
    report.attach(status)
    original = _letter(shop, [Address(email="h.lindqvist@example.net")], "Your order 10467 is on its way", at=at)
    original.set_content("Good news: your coffee left our roastery this morning.\n")
    returned = MIMEBase("message", "rfc822")
    returned.attach(original)
    report.attach(returned)
    return report.as_bytes(policy=report.policy.clone(linesep="\r\n"))


def _letter(
    author: Address, to: Sequence[Address], subject: str, *, at: datetime, message_id: str | None = None
) -> EmailMessage:
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["Message-ID"] = message_id or f"<{at:%Y%m%d%H%M%S}.{len(subject)}@{author.email.partition('@')[2]}>"
    mail["Date"] = format_datetime(at)
    mail["From"] = _header(author)
    mail["To"] = [_header(address) for address in to]
    mail["Subject"] = subject
    return mail


def _header(address: Address) -> HeaderAddress:
    return HeaderAddress(display_name=address.name, addr_spec=address.email)


def _fields(headers: Mapping[str, str]) -> EmailMessage:
    block = EmailMessage(policy=SMTP_POLICY)
    for name, value in headers.items():
        block[name] = value
    return block


def _euc_kr(text: str) -> str:
    return Header(text, "euc-kr").encode()


# --- the pictures ---------------------------------------------------------------------------------------------------


def _statement(x: int, y: int) -> Colour:
    """A bank statement: ruled lines, the same sum twice, marked."""
    row = y // 24
    if row == 0:
        return (44, 62, 92)
    if row in {2, 3} and 2 < y % 24 < 22 and 8 < x < 352:
        inside = 6 < y % 24 < 18 and (20 < x < 150 or 280 < x < 335) and (x // 3 + y // 4) % 3
        return (150, 60, 50) if inside else (253, 228, 222)
    words = 8 < y % 24 < 16 and (20 < x < 110 + 17 * row or 290 < x < 335) and (x // 3) % 4
    return (120, 128, 140) if words else (250, 250, 252)


def _harbor(x: int, y: int) -> Colour:
    """Hills before an evening sky."""
    far = 105 + 18 * abs((x % 280) - 140) // 140
    near = 138 + 22 * abs(((x + 130) % 340) - 170) // 170
    if (x - 430) ** 2 + (y - 62) ** 2 < 900:
        return (255, 236, 196)
    if y > near:
        return (28, 74, 70)
    if y > far:
        return (52, 112, 104)
    return (246 - y // 3, 190 - y // 4, 140 + y // 3)


def _bags(x: int, y: int) -> Colour:
    """Two paper bags on a table."""
    if y > 92:
        return (206, 190, 168)
    for left, shade in ((28, (172, 132, 88)), (88, (90, 128, 104))):
        if left < x < left + 46 and 22 < y <= 92:
            label = left + 10 < x < left + 36 and 48 < y < 72
            fold = y < 32
            darker = 24 * fold
            return (250, 246, 238) if label else (shade[0] - darker, shade[1] - darker, shade[2] - darker)
    return (240, 234, 224)
