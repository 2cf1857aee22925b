"""Bytes and headers as people mean them: charsets, encoded words, parameters, file names, addresses, dates."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail.addresses import addresses
from bridge.mail.charset import decode, resolve
from bridge.mail.dates import date
from bridge.mail.decode import clean, filename, header, parameters, words
from bridge.mail.flowed import unwrap
from bridge.mail.transfer import base64, quoted_printable, undo, uuencoded


@pytest.mark.parametrize(
    ("text", "actual", "declared"),
    [
        ("朱镕基", "gb18030", "gb2312"),
        ("똠방각하", "cp949", "ks_c_5601-1987"),
        ("20 € – “ok”", "cp1252", "iso-8859-1"),
        ("Größe", "utf-8", "us-ascii"),
        ("Größe", "utf-8", "iso-8859-1"),
        ("日本語", "cp932", "iso-2022-jp"),
        ("①髙橋", "cp932", "shift_jis"),
        ("ภาษาไทย€", "cp874", "tis-620"),
        ("İstanbul €", "cp1254", "iso-8859-9"),
        ("Привет", "koi8-r", "KOI8-R"),
        ("שלום", "iso8859-8", "iso-8859-8-i"),
        ("Größe", "cp1252", "windows1252"),
        ("Größe", "cp1252", "win-1252"),
        ("Größe", "utf-8", '"utf8"'),
        ("Größe", "utf-8", "charset=utf-8"),
        ("Größe", "utf-8", "no-such-charset"),
        ("Größe", "utf-8", "base64"),
        ("Größe", "utf-16", "utf-16"),
    ],
)
def test_the_charset_that_was_meant_is_read(text: str, actual: str, declared: str) -> None:
    assert decode(text.encode(actual), declared) == text


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("Здравствуйте, когда придёт мой заказ?", "cp1251"),
        ("お世話になっております。見積書をお送りください。", "euc_jp"),
        ("您好，我的订单还没有收到。", "gb18030"),
        ("안녕하세요, 주문이 아직 도착하지 않았습니다.", "cp949"),
        ("Bonjour, où est ma commande passée à Noël ?", "cp1252"),
        ("Καλημέρα σας, πού είναι η παραγγελία μου;", "iso8859-7"),
    ],
)
def test_undeclared_charsets_are_detected(text: str, charset: str) -> None:
    assert decode(text.encode(charset)) == text


def test_one_damaged_byte_does_not_turn_utf8_into_another_charset() -> None:
    damaged = "Größe und Länge, Höhe und Tiefe".encode() + b"\xc3"
    assert decode(damaged, "utf-8") == "Größe und Länge, Höhe und Tiefe\ufffd"


def test_codecs_that_are_no_charsets_are_refused() -> None:
    """A mail cannot make us unzip, or spend quadratic time, by naming a codec."""
    assert {resolve(name) for name in ("zlib", "hex", "rot13", "punycode", "idna", "unicode_escape", "a\0b", "")} == {
        ""
    }


@given(st.binary(), st.text(max_size=12))
def test_decoding_never_raises_and_gives_text_that_can_be_stored(data: bytes, charset: str) -> None:
    decode(data, charset).encode()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("=?utf-8?B?5pel5pys?= =?utf-8?B?6Kqe?=", "日本語"),
        ("=?utf-8?Q?a=C3?= =?utf-8?Q?=A9b?= c", "aéb c"),
        ("=?utf-8?B?5pel5pys6?= =?utf-8?B?Kqe?=", "日本語"),
        ("=?x-unknown?Q?caf=E9?=", "café"),
        ("=?utf-8?Q?cut=C3=A9", "cuté"),
        ("=?utf-8?Q?Hello World?=", "Hello World"),
        ("=?us-ascii*en?Q?Hi_there?=", "Hi there"),
        ('"=?iso-8859-1?q?J=F6rg?="', '"Jörg"'),
        ("=?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=", "日本語"),
        ("=?utf-8?B??=", ""),
        ("no =? word ?= here", "no =? word ?= here"),
    ],
)
def test_encoded_words_are_read_also_when_broken(written: str, meant: str) -> None:
    assert words(written) == meant


@given(st.text())
def test_encoded_words_never_raise(text: str) -> None:
    words(text)
    header(text.encode("utf-8", "replace"))


def test_nothing_that_a_terminal_obeys_is_shown() -> None:
    assert clean("a\r\nBcc: b\x1b[2J\u202ecod.exe\u2066\x00") == "a Bcc: b[2Jcod.exe"


@pytest.mark.parametrize(
    ("value", "main", "name", "meant"),
    [
        ('attachment; filename="a; b.pdf"', "attachment", "filename", "a; b.pdf"),
        ("attachment; filename=my file.pdf; size=1", "attachment", "filename", "my file.pdf"),
        ("attachment; filename*=utf-8''%e2%82%ac.pdf; filename=e.pdf", "attachment", "filename", "€.pdf"),
        ("a/b; name*1=\"x.txt\"; name*0*=utf-8'en'%C3%A9", "a/b", "name", "éx.txt"),
        ('a/b; name="x "y" z.pdf"; c=d', "a/b", "name", 'x "y" z.pdf'),
        ('a/b; name="one.pdf" filename="two.pdf"', "a/b", "name", "one.pdf"),
        ('a/b; name="never closed.pdf', "a/b", "name", "never closed.pdf"),
        ("text/plain charset=utf-8", "text/plain", "charset", "utf-8"),
        ("TEXT/Plain (comment); Charset = UTF-8", "text/plain", "charset", "UTF-8"),
        ('multipart/mixed;boundary="=_a;b"', "multipart/mixed", "boundary", "=_a;b"),
    ],
)
def test_parameters_are_read_as_meant(value: str, main: str, name: str, meant: str) -> None:
    found, named = parameters(value)
    assert (found, named[name]) == (main, meant)


@pytest.mark.parametrize(
    ("written", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\plan.pdf", "plan.pdf"),
        ("..", ""),
        ("a\u202efdp.exe", "afdp.exe"),
        ("line\r\n break.txt", "line break.txt"),
        (" 'quoted.txt' ", "quoted.txt"),
    ],
)
def test_file_names_have_no_path_and_hide_nothing(written: str, safe: str) -> None:
    assert filename(written) == safe


def test_long_file_names_keep_their_ending() -> None:
    name = filename("é" * 300 + ".pdf")
    assert name.endswith("é.pdf")
    assert len(name.encode()) <= 255


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (
            '"Doe, John" <john@x.example>, jane@y.example (Jane)',
            ["Doe, John <john@x.example>", "Jane <jane@y.example>"],
        ),
        ("Doe, John <john@x.example>", ["Doe, John <john@x.example>"]),
        ("john@x.example <john@x.example>", ["john@x.example <john@x.example>"]),
        ("John @ Acme <john@acme.example>", ["John @ Acme <john@acme.example>"]),
        ("John Doe john@x.example", ["John Doe <john@x.example>"]),
        ("John Doe <john@x.example", ["John Doe <john@x.example>"]),
        ("<<john@x.example>>", ["john@x.example"]),
        ('"john smith"@x.example', ['"john smith"@x.example']),
        ("Team: a@x.example, b@y.example;, c@z.example", ["a@x.example", "b@y.example", "c@z.example"]),
        ("undisclosed-recipients:;", []),
        ("10:30 Report <a@x.example>", ["10:30 Report <a@x.example>"]),
        ("<@a.example,@b.example:u@c.example>", ["u@c.example"]),
        ("'john@x.example'", ["john@x.example"]),
        ("=?utf-8?Q?Doe,_J=C3=B6hn?= <j@x.example>", ["Doe, Jöhn <j@x.example>"]),
        ('"John <john@x.example>"', ["John <john@x.example>"]),
        ("Foo <foo@x.example> Bar <bar@y.example>", ["Foo <foo@x.example>", "Bar <bar@y.example>"]),
        ("a@x.example; b@y.example", ["a@x.example", "b@y.example"]),
        ("user@[127.0.0.1]", ["user@[127.0.0.1]"]),
        ("John (the (real) one) <j@x.example>", ["John <j@x.example>"]),
        ("root (Cron Daemon)", ["Cron Daemon <root>"]),
        ("mailto:j@x.example", ["j@x.example"]),
        ("", []),
        ("<>", []),
    ],
)
def test_address_lists_are_read_as_meant(written: str, meant: list[str]) -> None:
    assert [str(address) for address in addresses(written)] == meant


@given(st.text(alphabet='ab@.,;:"<>()[]\\= ?\n'))
def test_addresses_never_raise(text: str) -> None:
    assert all("\n" not in address.email for address in addresses(text))


@pytest.mark.parametrize("unit", ['"', '\\"', "<", "(", ",", "a@", "<a ", "=?", ":", "a ", "@", '"a" <a@b.example>,'])
def test_addresses_take_linear_time(unit: str) -> None:
    begun = time.process_time()
    addresses(unit * (200_000 // len(unit)))
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Tue, 1 Jul 2003 10:52:37 +0200", datetime(2003, 7, 1, 8, 52, 37, tzinfo=UTC)),
        ("1 Jul 03 10:52 EST", datetime(2003, 7, 1, 15, 52, tzinfo=UTC)),
        ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", datetime(1997, 11, 21, 15, 55, 6, tzinfo=UTC)),
        ("Mon Jan  2 15:04:05 MST 2006", datetime(2006, 1, 2, 22, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02 03:04:05.123 +01:00", datetime(2024, 1, 2, 2, 4, 5, tzinfo=UTC)),
        ("mar., 5 févr. 2024 10:00:00 +0100", datetime(2024, 2, 5, 9, tzinfo=UTC)),
        ("12/31/2003 10:00 PM", datetime(2003, 12, 31, 22, tzinfo=UTC)),
        ("31.12.2003 10.00.05", datetime(2003, 12, 31, 10, 0, 5, tzinfo=UTC)),
        ("Wed, 9-Aug-2023 12:00:00 (PDT)", datetime(2023, 8, 9, 19, tzinfo=UTC)),
        ("Tue, 1 Jul 2003 10:52:60 +9999", datetime(2003, 7, 1, 10, 52, 59, tzinfo=UTC)),
        ("31 Dec 9999 23:59:59 -1200", None),
        ("Tue, 32 Jul 2003 10:00:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_are_read_in_utc_or_not_at_all(written: str, meant: datetime | None) -> None:
    assert date(written) == meant


@given(st.text())
def test_dates_never_raise(text: str) -> None:
    found = date(text)
    assert found is None or found.tzinfo is UTC


def test_damaged_base64_gives_what_can_be_read() -> None:
    assert base64(b"aGVs\r\n!!bG8") == b"hello"
    assert base64(b"YWI=\nY2Q=") == b"abcd"
    assert base64(b"These are plainly words, not base64.") == b"These are plainly words, not base64."
    assert base64(b"A") == b""


@pytest.mark.parametrize("code", [b"SGVsbG8gd29ybGQ=", b"SGVsbG8gd29ybGQh", b"SGVsbG8gd29ybGQ"])
@pytest.mark.parametrize("dashes", [b"-- ", b"--", b"---", b"\r\n-- "])
def test_what_a_list_sets_below_base64_stays_words(code: bytes, dashes: bytes) -> None:
    footer = dashes + b"\r\nYou get this from the group.\r\nhttps://groups.example/g\r\n"
    assert (
        base64(code + b"\r\n" + footer)
        == (b"Hello world!" if b"Qh" in code else b"Hello world") + b"\n" + footer.lstrip()
    )


def test_transfer_encodings_are_known_in_every_spelling() -> None:
    assert undo(b"aGk=", ' "Base64" (why not)') == b"hi"
    assert undo(b"h=69", "QUOTED-PRINTABLE;") == b"hi"
    assert undo(b"h=69", "8 bit") == b"h=69"


def test_quoted_printable_keeps_what_is_no_escape() -> None:
    assert quoted_printable(b"50% =ZZ a= \r\nb=3D") == b"50% =ZZ ab="


def test_uuencoded_files_are_taken_out_of_the_text() -> None:
    files, rest = uuencoded(b"before\nbegin 644 a.txt\n%:&5L;&\\ \n`\nend\nafter\nbegin 7 reasons\n", most=9)
    assert files == [(b"a.txt", b"hello")]
    assert rest == b"before\nafter\nbegin 7 reasons\n"


def test_flowed_paragraphs_are_joined_and_quotes_kept_apart() -> None:
    assert unwrap("a \nb\n> c \n> d\ne\n-- \nf") == "a b\n> c d\ne\n-- \nf"
    assert unwrap("a \nb", delsp="yes") == "ab"
    assert unwrap(" >not a quote") == ">not a quote"
