"""What a hostile mail holds without measure is taken up to a measure: the rest stays in the original, and it is said."""

import struct
from base64 import encodebytes

from bridge.mail.parse import parse
from bridge.mail.samples import HEAD

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
