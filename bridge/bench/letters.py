"""The mails that benchmarks send: ordinary ones, each with an id of its own, some of them answers to each other."""

from collections.abc import Iterator

from bridge.mail import samples

_OWN, _BEFORE, _FIRST = b"<20250203091500.1@berg.example>", b"<1.a@acme.example>", b"<0.a@acme.example>"


def letters(count: int) -> Iterator[bytes]:
    """So many, the same each time: every third begins a matter, the two behind it belong to it.

    Of 14 mails nine are plain text in as many charsets, the others HTML, both, with quoted text, or with a 51 kB file.
    """
    kinds = [raw for mails in samples.ordinary().values() for raw in mails]
    for number in range(count):
        matter = b"%d" % (number // 3)
        raw = kinds[number % len(kinds)].replace(_OWN, b"<%d@berg.example>" % number)
        yield raw.replace(_BEFORE, b"<1.%b@acme.example>" % matter).replace(_FIRST, b"<0.%b@acme.example>" % matter)


def note(name: str, *, to: str) -> bytes:
    """A short mail that begins a matter of its own; its subject is its name."""
    return (
        f"From: Dana Reyes <{name}@example.com>\r\nTo: {to}\r\nSubject: {name}\r\nMessage-ID: <{name}@example.com>\r\n"
        "Date: Mon, 2 Mar 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        "Hello,\r\n\r\ntwo bags of the order are missing. Could you see where they are?\r\n\r\nThank you\r\nDana\r\n"
    ).encode()
