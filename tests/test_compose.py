"""What leaves is what the agent wrote, in a form that every mail program reads and no header can be smuggled into."""

import email
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage, MIMEPart
from email.utils import getaddresses
from html import escape
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bridge.errors import Refused
from bridge.mail.compose import Outgoing, compose, forward_subject, reply_subject
from bridge.mail.identifiers import chain
from bridge.mail.parse import parse
from bridge.mail.quotes import read as read_parts
from bridge.mail.recipients import wire_address
from bridge.model import Address, Attachment, Automatic, Line, Message, Span
from bridge.slack.mrkdwn import sections

SENT = datetime(2026, 2, 3, 14, 5, tzinfo=timezone(timedelta(hours=1)))
DESK = Address(name="Support", email="support@example.org")
JANE = Address(name="Jane Doe", email="jane@example.com")
BASIC = Outgoing(
    message_id="<7.d1.0123456789abcdef@example.org>",
    date=SENT,
    from_=DESK,
    to=(JANE,),
    subject="Your order",
    lines=(Line(spans=(Span(text="Hello Jane,"),)), Line(), Line(spans=(Span(text="it is on its way."),))),
)


def said(text: str, *, bold: bool = False) -> Line:
    return Line(spans=(Span(text=text, bold=bold),))


def read(outgoing: Outgoing) -> EmailMessage:
    message = email.message_from_bytes(compose(outgoing), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def tree(part: MIMEPart) -> object:
    """The content types, nested as the parts are."""
    if not part.is_multipart():
        return part.get_content_type()
    return {part.get_content_type(): [tree(child) for child in part.iter_parts()]}


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


# --- the form -------------------------------------------------------------------------------------------------------


def test_a_plain_answer_is_one_plain_part() -> None:
    assert compose(BASIC) == (
        b"From: Support <support@example.org>\r\n"
        b"To: Jane Doe <jane@example.com>\r\n"
        b"Subject: Your order\r\n"
        b"Date: Tue, 03 Feb 2026 14:05:00 +0100\r\n"
        b"Message-ID: <7.d1.0123456789abcdef@example.org>\r\n"
        b"References: <7.d1.0123456789abcdef@example.org>\r\n"
        b'Content-Type: text/plain; charset="utf-8"\r\n'
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"MIME-Version: 1.0\r\n"
        b"\r\n"
        b"Hello Jane,\r\n\r\nit is on its way.\r\n"
    )


PDF = Attachment(filename="Rechnung für März.pdf", content_type="application/pdf", content=b"%PDF-1.7\r\n\x00\xff")
LOGO = Attachment(filename="logo.png", content_type="image/png", content=b"\x89PNG", content_id="l@x", inline=True)


@pytest.mark.parametrize(
    ("formatted", "files", "expected"),
    [
        (False, (PDF,), {"multipart/mixed": ["text/plain", "application/pdf"]}),
        (True, (), {"multipart/alternative": ["text/plain", "text/html"]}),
        (
            True,
            (PDF, PDF),
            {
                "multipart/mixed": [
                    {"multipart/alternative": ["text/plain", "text/html"]},
                    "application/pdf",
                    "application/pdf",
                ]
            },
        ),
        (
            False,
            (LOGO,),
            {"multipart/alternative": ["text/plain", {"multipart/related": ["text/html", "image/png"]}]},
        ),
        (
            True,
            (LOGO, PDF),
            {
                "multipart/mixed": [
                    {"multipart/alternative": ["text/plain", {"multipart/related": ["text/html", "image/png"]}]},
                    "application/pdf",
                ]
            },
        ),
    ],
)
def test_the_parts_stand_as_mail_programs_expect_them(
    formatted: bool, files: tuple[Attachment, ...], expected: object
) -> None:
    lines = (*BASIC.lines, said("words", bold=formatted))
    assert tree(read(replace(BASIC, lines=lines, attachments=files))) == expected


def test_composing_again_gives_the_same_bytes() -> None:
    outgoing = replace(BASIC, lines=(said("bold", bold=True),), attachments=(PDF, LOGO))
    assert compose(outgoing) == compose(outgoing)


def test_a_picture_is_shown_by_the_html_that_it_comes_with() -> None:
    message = read(replace(BASIC, attachments=(LOGO,)))
    assert 'src="cid:l%40x"' in html_of(message)
    (picture,) = (part for part in message.walk() if part.get_content_maintype() == "image")
    assert picture["Content-ID"] == "<l@x>"
    assert picture.get_content_disposition() == "inline"


@pytest.mark.parametrize(
    ("content_type", "sent_as"),
    [
        ("text/csv", "text/csv"),
        ("message/rfc822", "application/octet-stream"),
        ("multipart/mixed", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
        ('text/html; name="x"', "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_files_of_any_type_arrive_byte_for_byte(content_type: str, sent_as: str) -> None:
    content = "Größe\r\n".encode() + b"From: x\n\r.\r\n"
    message = read(
        replace(BASIC, attachments=(Attachment(filename="a.bin", content_type=content_type, content=content),))
    )
    (part,) = message.iter_attachments()
    assert part.get_content_type() == sent_as
    assert part.get_payload(decode=True) == content


def test_bcc_has_no_way_into_the_mail() -> None:
    assert "bcc" not in Outgoing.__dataclass_fields__
    only_hidden = read(replace(BASIC, to=()))
    assert only_hidden["To"] == "undisclosed-recipients:;"


# --- threads --------------------------------------------------------------------------------------------------------


def test_an_answer_stands_in_its_thread_and_names_itself_last() -> None:
    """Also where a provider puts another Message-ID in place of ours, the customer's answer finds us."""
    message = read(replace(BASIC, in_reply_to="<p@x>", references=("<first@x>", "<second@x>")))
    assert message["In-Reply-To"] == "<p@x>"
    assert message["References"].split() == ["<first@x>", "<second@x>", "<p@x>", BASIC.message_id]


def test_long_ids_are_never_encoded_or_parted() -> None:
    """The standard library turns an id of over 78 characters into encoded words, and the thread breaks."""
    parent, first = f"<{'a' * 120}@mail.example.com>", f"<{'b' * 300}@mail.example.com>"
    raw = compose(replace(BASIC, in_reply_to=parent, references=(first,)))
    assert f"In-Reply-To: {parent}\r\n".encode() in raw
    assert f"References: {first}\r\n {parent}\r\n {BASIC.message_id}\r\n".encode() in raw


def test_what_is_no_id_does_not_spoil_the_thread() -> None:
    message = read(replace(BASIC, in_reply_to="garbage\r\nBcc: x@y", references=("<ok@x>", "<schön@x>", "")))
    assert message["In-Reply-To"] is None
    assert message["References"].split() == ["<ok@x>", BASIC.message_id]


@pytest.mark.parametrize(
    ("kind", "header"),
    [(Automatic.NO, None), (Automatic.REPLY, "auto-replied"), (Automatic.OTHER, "auto-generated")],
)
def test_automatic_mail_says_so(kind: Automatic, header: str | None) -> None:
    assert read(replace(BASIC, automatic=kind))["Auto-Submitted"] == header


def test_a_date_without_a_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zone"):
        compose(replace(BASIC, date=SENT.replace(tzinfo=None)))


# --- subjects -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Order", "Re: Order"),
        ("", "Re:"),
        ("Re: Order", "Re: Order"),
        ("RE: AW: Sv: Antw: Order", "Re: Order"),
        ("Re[2]: Re (3) : Order", "Re: Order"),
        ("회신: 답장: 주문", "Re: 주문"),
        ("回复：订单", "Re: 订单"),
        ("Fwd: Order", "Re: Fwd: Order"),
        ("Reminder: pay", "Re: Reminder: pay"),
        ("Ref: 1234", "Re: Ref: 1234"),
        ("Re: \r\n Bcc: x@example.org", "Re: Bcc: x@example.org"),
    ],
)
def test_an_answer_says_re_once(before: str, after: str) -> None:
    assert reply_subject(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [("Order", "Fwd: Order"), ("WG: Fw: Order", "Fwd: Order"), ("Re: Order", "Fwd: Re: Order")],
)
def test_a_mail_passed_on_says_fwd_once(before: str, after: str) -> None:
    assert forward_subject(before) == after


# --- the words ------------------------------------------------------------------------------------------------------

WRITTEN = (
    Line(spans=(Span(text="Look "), Span(text="here", href="https://example.org/?a=1&b=2"), Span(text="!", bold=True))),
    Line(spans=(Span(text="first"),), marker="1."),
    Line(spans=(Span(text="deeper"),), marker="•", indent=1),
    Line(spans=(Span(text="and on"),), indent=2),
    Line(spans=(Span(text="second"),), marker="2."),
    Line(),
    Line(spans=(Span(text="if x < 1:"),), pre=True),
    Line(spans=(Span(text="    y"),), pre=True),
    Line(spans=(Span(text="you said"),), quote=1),
    Line(spans=(Span(text="he said"),), quote=2),
    Line(spans=(Span(text="jane@example.com", href="mailto:jane@example.com"),)),
)


def test_plain_text_reads_well_without_any_style() -> None:
    assert text_of(read(replace(BASIC, lines=WRITTEN))) == (
        "Look here <https://example.org/?a=1&b=2>!\n"
        "1. first\n"
        "  - deeper\n"
        "    and on\n"
        "2. second\n"
        "\n"
        "if x < 1:\n"
        "    y\n"
        "> you said\n"
        ">> he said\n"
        "jane@example.com\n"
    )


def test_html_shows_what_slack_showed() -> None:
    page = html_of(read(replace(BASIC, lines=WRITTEN)))
    assert '<div>Look <a href="https://example.org/?a=1&amp;b=2">here</a><b>!</b></div>' in page
    assert page.replace("\n", "").count(
        '<ol><li value="1">first<ul><li>deeper<br>and on</li></ul></li><li value="2">second</li></ol>'
    )
    assert "if x &lt; 1:\n    y</pre>" in page
    assert page.count('<blockquote type="cite"') == page.count("</blockquote>") == 2


def test_a_link_that_shows_itself_needs_no_html() -> None:
    link = Line(spans=(Span(text="https://example.org/", href="https://example.org/"),))
    assert read(replace(BASIC, lines=(link,))).get_content_type() == "text/plain"


@pytest.mark.parametrize("href", ["javascript:alert(1)", "https://x\n", "data:x"])
def test_only_safe_links_become_links(href: str) -> None:
    page = html_of(read(replace(BASIC, lines=(Line(spans=(Span(text="x", href=href, bold=True),)),))))
    assert "<a" not in page
    assert "onclick" not in page


@pytest.mark.parametrize(
    ("href", "leaves"),
    [
        ("https://e.example/a b", "https://e.example/a%20b"),
        ('https://e.example/"onclick="x', "https://e.example/%22onclick=%22x"),
        ("https://e.example/<x>", "https://e.example/%3Cx%3E"),
        ("https://e.example/a|b`c\\d", "https://e.example/a%7Cb%60c%5Cd"),
        ("ftp://files.example/x", "ftp://files.example/x"),
    ],
)
def test_a_link_leaves_as_it_is_shown_in_slack(href: str, leaves: str) -> None:
    spans = (Span(text="here", href=href),)
    mail = read(replace(BASIC, lines=(Line(spans=spans),)))
    assert f'<a href="{leaves}">here</a>' in html_of(mail)
    assert f"here <{leaves}>" in text_of(mail)
    assert f"<{leaves}|here>" in sections([Line(spans=spans)], limit=2900, total=2900)[0][0]


def test_markup_in_the_words_stays_words() -> None:
    page = html_of(read(replace(BASIC, lines=(said("<script>alert('&')</script>", bold=True),))))
    assert "<b>&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;</b>" in page


OLD = Message(
    message_id="<old@x>",
    date=SENT,
    from_=(JANE,),
    to=(DESK,),
    cc=(Address(email="bob@example.com"),),
    subject="Where is it?",
    text="I ordered.\r\n\r\n> earlier words\r\n",
)


def test_the_answered_mail_is_quoted_below_the_signature() -> None:
    message = read(replace(BASIC, quoted=OLD, signature="Support team\nexample.org"))
    assert message.get_content_type() == "text/plain"
    assert text_of(message) == (
        "Hello Jane,\n\nit is on its way.\n"
        "\n-- \nSupport team\nexample.org\n"
        "\nOn Tue, 03 Feb 2026 14:05:00 +0100, Jane Doe wrote:\n"
        "> I ordered.\n>\n>> earlier words\n"
    )


PAGE = "<!DOCTYPE html>\n<HTML><head><style>p { color: red }</style></head><BODY><p>Hi <b>Jane</b></p></BODY></HTML>"


@pytest.mark.parametrize(
    ("own", "begins", "ends"),
    [
        (
            "<p>Hi <b>Jane</b></p>",
            '<!doctype html><html><head><meta charset="utf-8"></head><body dir="auto">\n<p>Hi <b>Jane</b></p>\n<div>',
            "</blockquote>\n</body></html>\n",
        ),
        (PAGE, f"{PAGE.partition('</BODY>')[0]}<div>", "</blockquote>\n</BODY></HTML>\n"),
        ("<body><p>Hi <b>Jane</b></p>", "<body><p>Hi <b>Jane</b></p><div>", "</blockquote>\n"),
    ],
    ids=["a piece", "a document", "a document without its end"],
)
def test_html_of_its_own_stands_in_place_of_the_words_and_the_rest_below_it(own: str, begins: str, ends: str) -> None:
    """Signature and quote are in both parts, as with every answer."""
    outgoing = replace(BASIC, lines=(said("Hi Jane"),), html=own, quoted=OLD, signature="Support team")
    message = read(outgoing)
    assert tree(message) == {"multipart/alternative": ["text/plain", "text/html"]}
    assert text_of(message).startswith("Hi Jane\n\n-- \nSupport team\n\nOn Tue, 03 Feb 2026")
    page = html_of(message)
    assert page.startswith(begins)
    assert page.endswith(ends)
    assert page.count("<p>Hi <b>Jane</b></p>") == 1
    assert "<div>Support team</div>" in page
    assert "I ordered." in page
    assert "Hi Jane" not in page


def test_html_of_its_own_goes_with_files_and_pictures() -> None:
    message = read(replace(BASIC, html="<p>Hi</p>", attachments=(LOGO, PDF)))
    related = {"multipart/related": ["text/html", "image/png"]}
    inner = {"multipart/alternative": ["text/plain", related]}
    assert tree(message) == {"multipart/mixed": [inner, "application/pdf"]}
    assert html_of(message).index("<p>Hi</p>") < html_of(message).index("cid:")


def test_html_of_its_own_carries_no_sign_that_a_mail_may_not() -> None:
    raw = compose(replace(BASIC, html=f"<p>Hi\x00\x1b\ud800{'x' * 2000}</p>\r<p>there</p>"))
    assert max(map(len, _lines_of(raw))) <= 998
    page = html_of(read(replace(BASIC, html="<p>Hi\x00\x1b\ud800</p>\r<p>there</p>")))
    assert "<p>Hi  ?</p>\n<p>there</p>" in page


def test_a_mail_passed_on_is_content_under_its_own_header() -> None:
    assert text_of(read(replace(BASIC, lines=(said("FYI"),), forwarded=OLD))) == (
        "FYI\n\n"
        "---------- Forwarded message ----------\n"
        "From: Jane Doe <jane@example.com>\n"
        "Date: Tue, 03 Feb 2026 14:05:00 +0100\n"
        "Subject: Where is it?\n"
        "To: Support <support@example.org>\n"
        "Cc: bob@example.com\n"
        "\n"
        "I ordered.\n\n> earlier words\n"
    )


def test_a_giant_mail_is_quoted_in_part_and_says_so() -> None:
    giant = replace(OLD, text="word " * 1_000_000)
    raw = compose(replace(BASIC, quoted=giant))
    assert len(raw) < 300_000
    assert b"[The rest of this mail is left out.]" in raw


@pytest.mark.timeout(20)
def test_hostile_depth_costs_little() -> None:
    deep = tuple(Line(spans=(Span(text="x"),), quote=n % 1000, indent=n % 997, marker="•") for n in range(20_000))
    assert html_of(read(replace(BASIC, lines=deep)))


def test_a_formatted_mail_is_quoted_with_its_links_and_lists_in_both_forms() -> None:
    html = '<p>I <b>ordered</b> <a href="https://example.com/7">this</a>:</p><ol><li>beans<li>a mill</ol>'
    message = read(replace(BASIC, quoted=replace(OLD, html=html)))
    assert text_of(message).endswith("> I ordered this <https://example.com/7>:\n>\n> 1. beans\n> 2. a mill\n")
    page = html_of(message)
    quoted = page[page.index("<blockquote") : page.index("</blockquote>")]
    assert '<b>ordered</b><a href="https://example.com/7"> this</a>' in quoted
    assert quoted.count("<li") == 2


def test_hostile_html_is_quoted_without_what_it_could_do() -> None:
    html = "<script>alert(1)</script><img src=x onerror=alert(1)><a href='javascript:alert(1)'>x</a><p>words</p>" * 3
    page = html_of(read(replace(BASIC, quoted=replace(OLD, html=html))))
    assert "words" in page
    for bad in ("<script", "onerror", "javascript:", "<img"):
        assert bad not in page


# --- golden mails ---------------------------------------------------------------------------------------------------

GOLDEN = Path(__file__).parent / "sent"
SIGNED = "Mina\nFernhill Coffee, hello@example.org"
MAILS = {
    "answer_with_formatting_quote_and_signature": replace(
        BASIC,
        subject="Re: Wo bleiben meine zwei Säcke Kaffee? Und noch etwas, das nicht in eine Zeile passt",
        to=(JANE, Address(name="Jürgen Müller", email="j@müller.example")),
        cc=(Address(name='Bob "the builder", Ltd.', email="bob@example.com"),),
        lines=WRITTEN,
        in_reply_to="<old@x>",
        references=("<first@x>",),
        quoted=replace(OLD, html="<p>I <b>ordered</b>.</p><blockquote>earlier words</blockquote>"),
        signature=SIGNED,
    ),
    "picture_in_the_text_and_files_of_any_name": replace(
        BASIC,
        attachments=(
            LOGO,
            PDF,
            Attachment(filename="見積書 2026.csv", content_type="text/csv", content="größe;1\n".encode()),
            Attachment(filename="plain.txt", content_type="text/plain", content=b"plain\n"),
            Attachment(filename="…" * 90, content_type="application/zip", content=b"PK"),
            Attachment(filename="mail.eml", content_type="message/rfc822", content=b"From: x\n\nhello\n"),
        ),
    ),
    "mail_passed_on": replace(BASIC, subject="Fwd: Where is it?", lines=(said("FYI"),), forwarded=OLD),
    "acknowledgement": replace(BASIC, automatic=Automatic.REPLY, in_reply_to="<old@x>", references=("<old@x>",)),
    "acknowledgement_with_html_of_its_own": replace(
        BASIC,
        to=(Address(name="김민수", email="minsu@example.com"),),
        lines=(said("김민수님, 문의를 받았습니다."),),
        html='<table><tr><td style="color:#333"><b>김민수</b>님, 문의를 받았습니다.</td></tr></table>',
        automatic=Automatic.REPLY,
        in_reply_to="<old@x>",
        references=("<old@x>",),
    ),
    "long_thread": replace(
        BASIC, in_reply_to="<29@x>", references=tuple(f"<{n}.{'r' * 60}@mail.example.com>" for n in range(30))
    ),
}


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_of_this_kind_leaves_in_these_very_bytes(name: str) -> None:
    """`tests/sent/` has them, to be opened in any mail program. A change of how mail is composed is seen there."""
    assert compose(MAILS[name]) == (GOLDEN / f"{name}.eml").read_bytes()


# --- nothing smuggled, nothing lost ---------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda bad: replace(BASIC, subject=bad),
        lambda bad: replace(BASIC, message_id=f"<{bad}@x>"),
        lambda bad: replace(BASIC, from_=Address(name=bad, email="a@example.org")),
        lambda bad: replace(BASIC, to=(Address(email=f"{bad}@example.org"),)),
        lambda bad: replace(BASIC, cc=(Address(name=bad, email="a@example.org"),)),
    ],
)
def test_a_line_break_in_a_header_is_refused(spoil: Callable[[str], Outgoing], end: str) -> None:
    with pytest.raises(Refused):
        compose(spoil(f"x{end}Bcc: evil@example.org"))


def test_a_local_part_in_another_script_stays_as_it_is() -> None:
    raw = compose(replace(BASIC, to=(Address(name="Jürgen", email="jürgen@müller.example"),)))
    assert "To: =?utf-8?q?J=C3=BCrgen?= <jürgen@xn--mller-kva.example>\r\n".encode() in raw


def test_an_encoded_word_that_an_agent_typed_is_not_decoded() -> None:
    assert read(replace(BASIC, subject="=?utf-8?q?x?= means x"))["Subject"] == "=?utf-8?q?x?= means x"


def _lines_of(raw: bytes) -> Iterator[bytes]:
    return iter(raw.split(b"\r\n"))


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=200) | st.text(
    st.sampled_from('abc =?_"\\,;<>@äß語🙂'), max_size=300
)
_FIELD = _TEXT.map(lambda text: " ".join(text.split()))
_LOCAL = st.text(st.sampled_from("abcXYZ019.+-_=äß語"), min_size=1, max_size=40)
_ADDRESS = st.builds(
    lambda name, local, domain: Address(name=name, email=f"{local}@{domain}"),
    _FIELD,
    _LOCAL,
    st.sampled_from(["example.org", "sub.example.com", "müller.example", "faß.example"]),
)
_SPAN = st.builds(
    Span, text=_TEXT, bold=st.booleans(), code=st.booleans(), href=st.just("") | st.just("https://x.example/")
)
_LINE = st.builds(
    Line,
    spans=st.lists(_SPAN, max_size=3).map(tuple),
    quote=st.integers(0, 3),
    indent=st.integers(0, 3),
    marker=st.sampled_from(["", "", "•", "1.", "2."]),
    pre=st.booleans(),
)
_FILE = st.builds(
    Attachment,
    filename=_TEXT,
    content_type=st.sampled_from(["application/pdf", "text/csv", "image/png", "message/rfc822", "x"]),
    content=st.binary(max_size=200),
    content_id=st.sampled_from(["", "a@b"]),
    inline=st.booleans(),
)
_OUTGOING = st.builds(
    Outgoing,
    message_id=st.just(BASIC.message_id),
    date=st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    from_=_ADDRESS,
    to=st.lists(_ADDRESS, max_size=4).map(tuple),
    cc=st.lists(_ADDRESS, max_size=4).map(tuple),
    subject=_FIELD,
    lines=st.lists(_LINE, max_size=6).map(tuple),
    html=st.just("") | _TEXT.map(lambda text: f"<p>Dear <b>{escape(text)}</b></p>"),
    attachments=st.lists(_FILE, max_size=3).map(tuple),
    quoted=st.none()
    | st.builds(
        Message,
        text=_TEXT,
        html=st.none() | _TEXT | _TEXT.map(lambda text: f"<p>Dear <b>{escape(text)}</b></p><ul><li>one</ul>"),
        subject=_FIELD,
        from_=st.tuples(_ADDRESS),
    ),
    signature=_TEXT,
    in_reply_to=st.sampled_from(["", "<p@x>"]),
    references=st.lists(st.integers(0, 99).map(lambda n: f"<{n}-{'r' * n}@x>"), max_size=40).map(tuple),
)


@settings(deadline=None, max_examples=150)
@given(_OUTGOING)
def test_every_mail_reads_back_as_what_was_put_in(outgoing: Outgoing) -> None:
    raw = compose(outgoing)
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(map(len, _lines_of(raw))) <= 998
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    assert message["Subject"] == outgoing.subject
    assert message["Date"].datetime == outgoing.date.replace(microsecond=0)
    assert message["Bcc"] is None
    files = [part for part in message.walk() if part.get_content_disposition()]
    assert [part.get_payload(decode=True) for part in files] == [
        file.content for file in sorted(outgoing.attachments, key=lambda file: not _shown(file))
    ]
    words = text_of(message)
    for line in outgoing.lines:
        for span in line.spans:
            assert span.text in words


@settings(deadline=None, max_examples=150)
@given(_OUTGOING)
def test_our_own_reader_reads_it_back_too(outgoing: Outgoing) -> None:
    assume(all(file.filename.lower() != "winmail.dat" for file in outgoing.attachments))  # is opened, not kept
    message = parse(compose(outgoing))
    assert message.message_id == outgoing.message_id
    assert message.subject == outgoing.subject.strip()
    assert message.date == outgoing.date.replace(microsecond=0)
    assert [address.email for address in (*message.from_, *message.to, *message.cc)] == [
        wire_address(address.email) for address in (outgoing.from_, *outgoing.to, *outgoing.cc)
    ]
    if not (outgoing.quoted or outgoing.forwarded):  # whose words may be a robot's
        assert message.automatic is Automatic.NO
    assert not message.bcc
    assert not message.notes
    assert message.in_reply_to == ((outgoing.in_reply_to,) if outgoing.in_reply_to else ())
    assert message.references == (
        *chain(outgoing.references, parent=outgoing.in_reply_to, own=outgoing.message_id),
        outgoing.message_id,
    )
    words = " ".join(message.text.split())
    for line in outgoing.lines:
        for span in line.spans:
            assert " ".join(span.text.split()) in words
    named = {
        part.get_filename(): part.get_payload(decode=True) for part in read(outgoing).walk() if part.get_filename()
    }
    assert {file.filename: file.content for file in message.attachments} == named
    assert sorted(file.content for file in message.attachments) == sorted(file.content for file in outgoing.attachments)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.sampled_from(["Hello", "it is on its way", "näste vecka", "ok: 5 > 3", "語"]), min_size=1, max_size=5)
)
def test_a_customers_mail_program_finds_the_new_words_and_folds_the_rest(words: list[str]) -> None:
    """What was written is new; signature and quoted mail are known as such, in plain text and in HTML."""
    for bold in (False, True):
        lines = tuple(said(one, bold=bold) for one in words)
        outgoing = replace(BASIC, lines=lines, quoted=OLD, signature="Support team")
        reading = read_parts(parse(compose(outgoing)))
        assert [line.text for line in reading.new if line.text] == words
        assert "I ordered." in {line.text for line in reading.folded}


def _shown(file: Attachment) -> bool:
    return file.inline and bool(file.content_id) and file.content_type == "image/png"


@settings(deadline=None, max_examples=300)
@given(st.lists(_ADDRESS, min_size=1, max_size=4))
def test_every_name_and_address_reads_back(addresses: list[Address]) -> None:
    raw = compose(replace(BASIC, to=tuple(addresses)))
    field = raw.partition(b"To: ")[2].partition(b"\r\nSubject")[0].replace(b"\r\n", b"").decode()
    # Not with policy.default: it puts a space between the encoded words of a long name.
    assert [(str(make_header(decode_header(name))), email_) for name, email_ in getaddresses([field])] == [
        (address.name, wire_address(address.email)) for address in addresses
    ]


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_no_value_whatever_adds_a_header(subject: str, name: str) -> None:
    outgoing = replace(BASIC, subject=subject, to=(Address(name=name, email="jane@example.com"),))
    try:
        raw = compose(outgoing)
    except Refused:
        assert set(subject + name) & set("\r\n")
        return
    header = raw.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0] for line in header.split(b"\r\n") if not line.startswith(b" ")]
    assert names == [
        b"From", b"To", b"Subject", b"Date", b"Message-ID", b"References",
        b"Content-Type", b"Content-Transfer-Encoding", b"MIME-Version",
    ]  # fmt: skip


@settings(deadline=None)
@given(st.text(min_size=1, max_size=400))
def test_a_file_of_any_name_is_sent_under_a_harmless_one(filename: str) -> None:
    file = Attachment(filename=filename, content_type="application/pdf", content=b"x")
    (part,) = read(replace(BASIC, attachments=(file,))).iter_attachments()
    name = part.get_filename()
    assert name
    assert name.isprintable()
    assert not set(name) & set('/\\"')
    assert len(name) <= 200


def test_a_files_name_is_found_by_programs_that_know_encoded_words_alone() -> None:
    """Older Outlooks read no RFC 2231 name that goes on over several lines."""
    name = "Rechnung über zwei Säcke Kaffee aus Äthiopien und eine Mühle, März 2026.pdf"
    raw = compose(
        replace(BASIC, attachments=(Attachment(filename=name, content_type="application/pdf", content=b"x"),))
    )
    old = email.message_from_bytes(raw)  # compat32: it undoes nothing by itself
    (part,) = (part for part in old.walk() if part.get_content_type() == "application/pdf")
    assert str(make_header(decode_header(str(part.get_param("name"))))) == name
    assert part.get_filename() == name


@pytest.mark.parametrize(
    "filename", ["Rechnung für März.pdf", "見積書.pdf", "it's; a=b, 100%.txt", "a'b''c.txt", "…" * 90]
)
def test_a_decent_file_name_arrives_as_it_is(filename: str) -> None:
    file = Attachment(filename=filename, content_type="application/pdf", content=b"x")
    (part,) = read(replace(BASIC, attachments=(file,))).iter_attachments()
    assert part.get_filename() == filename
