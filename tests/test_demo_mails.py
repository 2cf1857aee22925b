"""The demo's mails are real mails: the standard library reads each as what it claims to be."""

import email
import zlib
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default

from bridge.demo import mails
from bridge.demo.attachments import pdf, png

AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def read(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=default)


def test_every_mail_is_for_the_shop_and_has_an_id_and_a_date_of_its_own() -> None:
    read_mails = [read(sample.raw) for sample in mails.samples(at=AT)]
    assert all(mails.SHOP.email in str(mail["To"]) for mail in read_mails)
    assert len({mail["Message-ID"] for mail in read_mails}) == len(read_mails)
    dates = [mail["Date"].datetime for mail in read_mails]
    assert dates == sorted(dates)
    assert dates[-1] < AT


def test_the_answer_names_the_first_mail_and_quotes_it() -> None:
    first, answer = read(mails.missing_bags(mails.SHOP, at=AT)), read(mails.quoted_answer(mails.SHOP, at=AT))
    assert answer["In-Reply-To"] == first["Message-ID"]
    body = answer.get_body()
    assert body is not None
    assert "> our office order arrived" in body.get_content()


def test_the_korean_mail_is_in_euc_kr_throughout() -> None:
    raw = mails.korean(mails.SHOP, at=AT)
    mail = read(raw)
    assert mail.get_content_charset() == "euc-kr"
    assert "배송지를 변경" in mail.get_content()
    assert mail["Subject"] == "원두 정기배송 주소 변경 문의드립니다"
    assert mail["From"].addresses[0].display_name == mails.MINSEO.name
    assert raw.lower().count(b"=?euc-kr?") >= 2


def test_the_pictures_of_the_newsletter_are_those_its_html_names() -> None:
    mail = read(mails.newsletter(mails.SHOP, at=AT))
    body = mail.get_body(("html",))
    assert body is not None
    related = {part["Content-ID"].strip("<>") for part in mail.walk() if part["Content-ID"]}
    assert related == {"hero@harbor", "bags@harbor"}
    assert all(f"cid:{name}" in body.get_content() for name in related)


def test_one_mail_carries_a_pdf_beside_a_picture_in_its_text() -> None:
    mail = read(mails.double_charge(mails.SHOP, at=AT))
    kinds = [part.get_content_type() for part in mail.walk()]
    assert "image/png" in kinds
    assert [part.get_content_type() for part in mail.iter_attachments()] == ["application/pdf"]


def test_the_bounce_is_a_delivery_report() -> None:
    mail = read(mails.bounce(mails.SHOP, at=AT))
    assert mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "delivery-status"
    parts = list(mail.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "message/delivery-status", "message/rfc822"]
    assert b"Status: 5.1.1" in parts[1].as_bytes()


def test_a_drawn_png_holds_every_pixel() -> None:
    drawn = png(3, 2, lambda x, y: (x, y, 7))
    assert drawn.startswith(b"\x89PNG\r\n\x1a\n")
    start = drawn.index(b"IDAT") + 4
    assert zlib.decompress(drawn[start : drawn.index(b"IEND") - 8]) == b"\0\0\0\7\1\0\7\2\0\7" + b"\0\0\1\7\1\1\7\2\1\7"


def test_a_pdfs_table_points_at_its_objects() -> None:
    made = pdf(["A (title)", "text"])
    table = int(made.split(b"startxref\n")[1].split(b"\n")[0])
    assert made[table:].startswith(b"xref")
    entries = made[table:].split(b"\n")[3:9]
    assert all(
        made[int(entry[:10]) :].startswith(b"%d 0 obj" % number) for number, entry in enumerate(entries, start=1)
    )
