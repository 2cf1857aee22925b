"""What a hostile mail holds without measure is taken up to a measure: the rest stays in the original, and it is said."""

import struct
from base64 import encodebytes

import pytest

from bridge.mail.html import CUT, lines
from bridge.mail.parse import parse
from bridge.mail.quotes import read
from bridge.mail.samples import HEAD
from bridge.model import Message

FILE = b"begin 644 a.txt\n#86%A\nend\n"
"""A uuencoded file."""


def winmail(files: int) -> bytes:
    """A mail whose winmail.dat holds a letter and so many files."""

    def attribute(tag: int, value: bytes) -> bytes:
        return b"\x02" + struct.pack("<II", tag, len(value)) + value + b"\0\0"

    body = attribute(0x0002800C, b"The letter\0")
    data = struct.pack("<IH", 0x223E9F78, 1) + body
    data += (attribute(0x00069002, b"") + attribute(0x00018010, b"a.txt\0") + attribute(0x0006800F, b"x")) * files
    fields = b"Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\n"
    return HEAD + fields + encodebytes(data)


def test_two_hundred_files_in_a_text_are_opened() -> None:
    message = parse(HEAD + b"\nThe letter\n" + FILE * 200)
    assert (len(message.attachments), message.text.strip(), message.notes) == (200, "The letter", ())


def test_a_text_of_more_files_stays_as_it_is() -> None:
    message = parse(HEAD + b"\nThe letter\n" + FILE * 40_000)
    assert not message.attachments
    assert message.text.startswith("The letter\nbegin 644 a.txt\n")
    assert [note for note in message.notes if "more than 200 uuencoded files" in note]


def test_files_of_all_texts_are_counted_together() -> None:
    part = b"--b\nContent-Type: text/plain\n\nThe letter\n" + FILE * 150
    message = parse(HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + part * 4)
    assert len(message.attachments) == 150
    assert [note for note in message.notes if "more than 200 uuencoded files" in note]


def test_two_hundred_files_in_a_winmail_dat_are_opened() -> None:
    message = parse(winmail(200))
    assert (len(message.attachments), message.text, message.notes) == (200, "The letter", ())


def test_a_winmail_dat_of_more_files_stays_one_file_beside_its_letter() -> None:
    message = parse(winmail(20_000))
    assert [one.filename for one in message.attachments] == ["winmail.dat"]
    assert message.text == "The letter"
    assert [note for note in message.notes if "winmail.dat with more than 200 files" in note]


def fields(*lines: bytes) -> Message:
    return parse(b"From: a@b.example\n" + b"".join(line + b"\n" for line in lines) + b"\nThe letter")


def test_the_fields_of_a_header_are_read_up_to_two_thousand() -> None:
    message = fields(b"Subject: x", b"a:\n" * 700_000 + b"b: c")
    assert (len(message.headers), message.subject, message.text) == (2_000, "x", "The letter")
    assert [note for note in message.notes if "more than 2000 header fields" in note]


def test_of_very_many_references_the_first_and_the_newest_count() -> None:
    """What began the thread, and what is answered."""
    message = fields(b"References: " + b" ".join(b"<%d@x.example>" % n for n in range(100_000)))
    assert len(message.references) == 110
    assert message.references[0] == "<0@x.example>"
    assert message.references[-1] == "<99999@x.example>"


def test_an_id_is_no_longer_than_a_line() -> None:
    message = fields(b"Message-ID: <" + b"a" * 300_000 + b"@x.example>")
    assert len(message.message_id) == 998


def test_people_are_read_up_to_a_thousand_in_a_field() -> None:
    people = b",".join(b"u%d@x.example" % n for n in range(100_000))
    message = fields(b"To: " + people, b"Cc: " + people, b"Reply-To: " + people)
    assert [len(found) for found in (message.to, message.cc, message.reply_to)] == [1_000] * 3
    assert [note for note in message.notes if "more people than are read" in note]


def test_an_address_is_never_cut_into_another() -> None:
    """An answer to all goes to nobody whose address was made by the measure."""
    message = fields(b"To: " + b", ".join(b'"%s" <u%d@x.example>' % (b"n" * 499, n) for n in range(300)))
    assert {one.email for one in message.to} <= {f"u{n}@x.example" for n in range(300)}
    assert len(message.to) == 192
    assert [note for note in message.notes if "more people than are read" in note]


def test_names_and_subjects_fill_no_pages() -> None:
    message = fields(b"Subject: " + "é中 ".encode() * 500_000, b"To: " + b"n" * 90_000 + b" <a@x.example>")
    assert len(message.subject) <= 2_000
    assert [len(one.name) for one in message.to] == [500]
    assert [note for note in message.notes if "subject is longer" in note]


def lines_of(raw: bytes) -> list[str]:
    reading = read(parse(raw))
    return [line.text for line in (*reading.new, *reading.folded)]


def test_a_text_of_very_many_lines_is_read_up_to_a_measure_and_kept_whole() -> None:
    raw = HEAD + b"\n" + b"a\n" * 400_000
    found = lines_of(raw)
    assert len(found) <= 20_001
    assert found[-1] == CUT
    assert parse(raw).text.count("a") == 400_000


def test_a_page_of_very_many_runs_of_text_is_read_up_to_a_measure() -> None:
    reading = read(parse(HEAD + b"Content-Type: text/html\n\n" + b"<p>" + b"a<b>b</b>" * 25_000 + b"<p>end"))
    spans = [span.text for line in (*reading.new, *reading.folded) for span in line.spans]
    assert 20_000 <= len(spans) <= 20_001
    assert spans[-1] == CUT


def test_a_line_without_end_is_read_up_to_a_measure() -> None:
    found = lines_of(HEAD + b"\n" + b"a" * 5_000_000)
    assert (len(found[0]), found[1:]) == (2_000_000, [CUT])


def test_a_letter_of_nineteen_thousand_lines_is_read_whole() -> None:
    assert lines_of(HEAD + b"\n" + b"a\n" * 19_000) == ["a"] * 19_000


@pytest.mark.parametrize("mark", ["\u202a", "\u202e", "\u2066", "\u2069"])
def test_no_mark_in_a_text_turns_round_how_it_is_read(mark: str) -> None:
    """A name such as `fdp.exe` cannot be made to read `exe.pdf`, in plain text, HTML or HTML's escapes."""
    words = f"open {mark}fdp.exe".encode()
    escaped = b"open &#%d;fdp.exe" % ord(mark)
    kinds = {
        b"text/plain": (words,),
        b"text/html": (
            b"<p>" + words,
            b"<p>" + escaped,
            b"<pre>" + escaped,
            b"<p title=x>" + words + b"<img alt='&#8238;'>",
        ),
    }
    for kind, bodies in kinds.items():
        for body in bodies:
            message = parse(HEAD + b"Content-Type: " + kind + b"; charset=utf-8\n\n" + body)
            assert message.text == "open fdp.exe"
            assert [line.text for line in read(message).new] == ["open fdp.exe"]


def test_no_mark_in_a_links_address_turns_it_round() -> None:
    (line,) = lines("<a href='https://x.example/\u202efdp.exe'>a</a> <a href='mailto:a@\u2066b.example'>b</a>")
    assert [span.href for span in line.spans if span.href] == ["https://x.example/fdp.exe", "mailto:a@b.example"]
