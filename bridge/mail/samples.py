"""Mails made in code: ordinary ones, as a help desk gets them, and hostile ones, which are built to take long.

Nothing is read from anywhere, and the same call gives the same bytes. The hostile ones are small where that is enough,
and never over 2.5 MB, so that a reading in linear time stays far below a second for each.
"""

from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP

HEAD = b"From: a@b.example\nSubject: x\n"
"""The least that makes a mail: fields, and no empty line behind them yet."""

_NESTED = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
_MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n"
_LETTERS = {
    "utf-8": "Hello, my order 10482 has not come yet. Could you see where it is? Grüße — Zoë",
    "iso-8859-1": "Guten Tag, die Rechnung für März fehlt noch. Können Sie sie schicken? Viele Grüße",
    "windows-1251": "Здравствуйте! Заказ до сих пор не пришёл. Подскажите, пожалуйста, где он.",
    "koi8-r": "Здравствуйте! Когда вы отправите посылку? Спасибо за ответ.",
    "iso-2022-jp": "お世話になっております。注文した商品がまだ届いていません。ご確認をお願いします。",
    "shift_jis": "お問い合わせの件ですが、返品をお願いしたいです。よろしくお願いいたします。",
    "euc-kr": "안녕하세요. 주문한 상품이 아직 도착하지 않았습니다. 확인 부탁드립니다.",
    "gb18030": "您好，我的订单还没有收到，请帮忙查询一下物流信息，谢谢。",
    "big5": "您好，我想查詢訂單的狀態，謝謝您的協助。",
}
_ANSWER = "\n\nOn Mon, 3 Feb 2025 at 09:15, Support <help@acme.example> wrote:\n"
_PARAGRAPH = "<p style='margin:0 0 8px'>{} <b>Order 10482</b>, see <a href='https://shop.example/o/1'>the page</a>.</p>"
_PAGE = """<html><head><style>p {{ color: #333 }}</style></head><body><div dir="ltr">{}</div>
<div>-- <br>Anna Berg<br>Berg GmbH, Kiel</div><img src="https://t.example/p.gif" width="1" height="1"></body></html>"""
_REPLY = """<div>Thank you, that works.</div><br><div class="gmail_quote"><div class="gmail_attr">On Mon,
3 Feb 2025 at 09:15, Support &lt;help@acme.example&gt; wrote:</div><blockquote class="gmail_quote">{}</blockquote>
</div>"""


def ordinary() -> Mapping[str, list[bytes]]:
    """Mails by kind: plain text in nine charsets, HTML alone, both, with a file, with quoted text."""
    page = _PAGE.format("".join(_PARAGRAPH.format("My order has not come yet.") for _ in range(4)))
    long = "The quick answer: it left on Monday and is on its way.\n" * 12
    quoted = _ANSWER + "".join(f"> {line}\n" for line in long.splitlines())
    return {
        "plain": [_mail(f"{text}\n" * 8, charset=charset) for charset, text in _LETTERS.items()],
        "html": [_mail("", html=page)],
        "alternative": [_mail(long, html=page)],
        "attachment": [_mail(long, html=page, file=bytes(range(256)) * 200)],
        "quoted plain": [_mail("Thank you, that works." + quoted)],
        "quoted html": [_mail("", html=_PAGE.format(_REPLY.format("<p>The quick answer</p>" * 12)))],
    }


def _mail(text: str, *, charset: str = "utf-8", html: str = "", file: bytes = b"") -> bytes:
    mime = EmailMessage(policy=SMTP)
    mime["Return-Path"] = "<zoe@berg.example>"
    for hop in range(3):
        mime["Received"] = f"from mx{hop}.example by mx.acme.example with ESMTPS; Mon, 3 Feb 2025 09:15:0{hop} +0100"
    mime["From"] = "Zoë Berg <zoe@berg.example>"
    mime["To"] = "Support <help@acme.example>, orders@acme.example"
    mime["Subject"] = "Bestellung 10482: wo bleibt die Größe M?"
    mime["Date"] = "Mon, 03 Feb 2025 09:15:00 +0100"
    mime["Message-ID"] = "<20250203091500.1@berg.example>"
    mime["In-Reply-To"] = "<1.a@acme.example>"
    mime["References"] = "<0.a@acme.example> <1.a@acme.example>"
    if text:
        mime.set_content(text, charset=charset)
        if html:
            mime.add_alternative(html, subtype="html")
    else:
        mime.set_content(html, subtype="html")
    if file:
        mime.add_attachment(file, maintype="image", subtype="png", filename="Größe.png")
    return mime.as_bytes()


def hostile() -> Mapping[str, bytes]:
    """Mails by what is hostile about them."""
    return {
        "nesting": HEAD + b"".join(_NESTED % (level, level) for level in range(5_000)),
        "parts": _MIXED + b"--b\n\nx\n" * 100_000,
        "dashes": _MIXED + b"--b\n\n" + b"--\n" * 200_000,
        "headers": b"X-A: b\n" * 100_000,
        "encoded words without end": b"Subject: " + b"=?utf-8?Q?a" * 30_000,
        "brackets": b"To: " + b"<" * 200_000,
        "commas": b"To: " + b"a, " * 100_000,
        "schemes": b"To: " + b"mailto:x " * 20_000 + b";",
        "comments": b"To: " + b"()" * 49_000 + b" a@b.example",
        "a route": b"To: <" + b"@" * 99_000 + b">",
        "at signs in brackets": b"To: =?utf-8?q?<" + b"@" * 90_000 + b"?=",
        "brackets closed": b"To: " + b"<>" * 49_000,
        "nested comments": b"To: " + b"(" * 99_000 + b")",
        "groups": b"To: " + b"a:" * 49_000 + b";",
        "fields": b"a:\n" * 700_000,
        "lines": HEAD + b"\n" + b"a\n" * 1_000_000,
        "uuencoded files": HEAD + b"\n" + b"begin 644 a\n#86%A\nend\n" * 80_000,
        "recipients": b"To: " + b",".join(b"u%d@x.example" % n for n in range(100_000)),
        "ids": b"References: " + b" ".join(b"<%d@x.example>" % n for n in range(100_000)),
        "references": b"References: " + b"<a@b> " * 100_000,
        "quotes in parameters": b"Content-Type: text/plain; " + b'a="b' * 100_000,
        "blanks in parameters": b"Content-Type: text/plain; name=" + b" " * 400_000 + b"x",
        "parameter sections": b"Content-Type: text/plain; " + b"".join(b"name*%d=a;" % n for n in range(20_000)),
        "uuencode without end": HEAD + b"\n" + b"begin 644 a\n" * 50_000,
        "padding": HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"YQ==\n" * 100_000,
        "words in base64": HEAD + b"Content-Transfer-Encoding: base64\n\nAAAA\n" + b"ab cd\n" * 300_000,
        "spelt out addresses": b"To: " + b"a at b.c (" * 40_000,
        "attributions without an end": HEAD + b"\n" + b"On 3/1/2011 6:02 PM a@b.example <\n" * 30_000,
        "short rules": HEAD + b"\n" + b"\n-----\na\n" * 60_000,
        "moments": HEAD + b"\n" + b"Ann Lee\n01/03/2011 18:02\nTo\n" * 30_000,
        "hz": HEAD + b"\n" + b"~{VP" * 200_000,
        "soft line breaks": HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=\n" * 400_000,
        "bounce": b"From: mailer-daemon@x.example\nSubject: failed\n\n" + b"550 user " * 50_000,
        "broken japanese": _text(b"iso-2022-jp", (b"\x1b$B\x7e\x7e\x7e\x7e\x7e\x7e$( x\x1b") * 90_000),
        "japanese without escapes": _text(b"iso-2022-jp", b"$B$3$l$O" * 150_000),
        "utf-7": _text(b"utf-7", b"+AAAA+-" * 150_000),
        "undeclared bytes": _text(b"x-unknown", bytes(range(128, 256)) * 8_000),
        "flowed": HEAD + b"Content-Type: text/plain; format=flowed\n\n" + b"> > a \n" * 150_000,
        "calendar": HEAD + b"Content-Type: text/calendar\n\nBEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\nATTENDEE\n" * 50_000,
        "results": b"Authentication-Results: " + b"a; spf=pass (" * 30_000 + b"\n\nx",
        **{f"html: {name}": HEAD + b"Content-Type: text/html\n\n" + page for name, page in _pages().items()},
        **{f"quotes: {name}": HEAD + b"\n" + text for name, text in _quotes().items()},
    }


def _text(charset: bytes, content: bytes) -> bytes:
    return HEAD + b"Content-Type: text/plain; charset=" + charset + b"\n\n" + content


def _pages() -> Mapping[str, bytes]:
    return {
        "nested tables": b"<table><tr><td>" * 500 + b"x",
        "nested quotes": b"<blockquote>" * 2_000 + b"x",
        "nested divisions": b"<div>" * 50_000 + b"x",
        "nested links": b"<a href=https://x.example>" * 20_000 + b"x",
        "paragraphs of open bold": b"<b><p>" * 20_000 + b"x",
        "long table": b"<table>" + b"<tr><td>a<td>b" * 100_000,
        "comments": b"<!--" * 100_000,
        "opening brackets": b"<" * 1_000_000,
        "attributes": b"<div " + b"a=b " * 200_000 + b">x",
        **{f"style of {name}": b"<p style='%s'>x" % style for name, style in _STYLES.items()},
        "styles": b"".join(b"<p style='margin-bottom:%s%d'>x" % (b"0" * 900, n) for n in range(1_500)),
    }


_STYLES = {
    "zeros": b"max-height:" + b"0" * 1_900 + b"1",
    "zeros behind a point": b"opacity:." + b"0" * 1_900 + b"1",
    "a margin of zeros": b"margin-bottom:" + b"0" * 1_900,
    "margins": b"margin:" + b"0 " * 900 + b"x",
    "heights": b"height:0;" * 200 + b"overflow:x",
    "overflows": b"overflow:hidden " * 120,
    "digits": b"font:" + b"1" * 1_900 + b"x",
    "points": b"font:" + b"1." * 900,
    "fonts": b"font:" + b"bold" * 400 + b"x",
    "blanks": b"height:" + b" " * 1_900 + b"0",
    "colons": b"text-decoration:" * 120,
}


def _quotes() -> Mapping[str, bytes]:
    return {
        "attributions": b"On Mon, somebody\n" * 20_000,
        "signs": b">" * 200_000 + b"x",
        "levels": b"".join(b">" * (n % 100) + b" a\n" for n in range(20_000)),
        "header blocks": b"From: a\nSent: b\nTo: c\n" * 15_000,
        "signatures": b"-- \n" * 50_000,
        "blanks": b" " * 500_000 + b"x",
        "empty lines": b"\n" * 500_000 + b"x",
    }
