"""A reader learns what speaks for and against a mail, and nobody can put good words in for himself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail.authenticity import authenticity, is_risky, lookalike
from bridge.mail.parse import parse
from bridge.model import Address, Attachment, Authenticity

TRUSTED = ("mx.acme.example",)
ANNA = Address(email="anna@berg.example")


def checked(*results: str, trusted: tuple[str, ...] = TRUSTED) -> Authenticity:
    """What is told of a mail whose header is these fields; "Received" stands for one of those."""
    headers = [("Received", "by mx") if one == "Received" else ("Authentication-Results", one) for one in results]
    found = authenticity(headers, trusted=trusted, author=ANNA, reply_to=(), attachments=())
    return found or Authenticity()


def said(*results: str, trusted: tuple[str, ...] = TRUSTED) -> tuple[str, str, str]:
    found = checked(*results, trusted=trusted)
    return found.spf, found.dkim, found.dmarc


GOOD = "mx.acme.example; spf=pass smtp.mailfrom=berg.example; dkim=pass header.d=berg.example; dmarc=pass (p=reject)"


def test_a_trusted_servers_results_are_told() -> None:
    assert checked(GOOD) == Authenticity(
        server="mx.acme.example", spf="pass", dkim="pass", dmarc="pass", signers=("berg.example",)
    )


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("mx.evil.example; spf=pass; dkim=pass; dmarc=pass", ("", "", "")),
        ("mx.acme.example.evil.example; spf=pass", ("", "", "")),
        ("spf=pass; dkim=pass", ("", "", "")),
        ("mx.acme.example 1; spf=softfail", ("softfail", "", "")),
        ("MX.Acme.Example; SPF=Fail", ("fail", "", "")),
        ("mx.acme.example (spf=pass; dkim=pass); spf=fail (says; spf=pass)", ("fail", "", "")),
        ('mx.acme.example; spf=fail reason="a; spf=pass"', ("fail", "", "")),
        ("mx.acme.example; none", ("", "", "")),
        ("mx.acme.example; dkim=fail header.d=a.example; dkim=pass header.d=b.example", ("", "pass", "")),
        ("mx.acme.example; dkim/1 = pass", ("", "pass", "")),
        ("", ("", "", "")),
    ],
)
def test_only_a_trusted_servers_own_words_count(field: str, expected: tuple[str, str, str]) -> None:
    assert said(field) == expected


def test_the_topmost_field_wins() -> None:
    """What stands below was there before the mail reached the server, whoever it names."""
    assert said("mx.acme.example; spf=fail; dmarc=fail", GOOD)[::2] == ("fail", "fail")


@pytest.mark.parametrize(
    "fields",
    [
        ("mx.acme.example; spf=fail", GOOD),  # neither part is known to be the server's
        ("mx.acme.example; spf=fail", "Received", GOOD),
        ("Received", "mx.acme.example; spf=fail", GOOD),
        ("mx.evil.example; spf=pass", "mx.acme.example; spf=fail", "Received", GOOD),
    ],
)
def test_a_forged_field_adds_nothing_to_the_genuine_one(fields: tuple[str, ...]) -> None:
    assert checked(*fields) == Authenticity(server="mx.acme.example", spf="fail")


def test_a_server_that_found_nothing_is_not_spoken_for() -> None:
    assert said("mx.acme.example; none", "Received", GOOD) == ("", "", "")


def test_a_failed_signature_stays_failed() -> None:
    """Whatever a forger wrote below it."""
    forged = "mx.acme.example; dkim=pass header.d=bank.example"
    for fields in (
        ("mx.acme.example; dkim=fail", forged),
        ("mx.acme.example; dkim=fail", forged, "Received"),
        ("mx.acme.example; dkim=fail", "Received", forged),
    ):
        assert (checked(*fields).dkim, checked(*fields).signers) == ("fail", ())


def test_filters_that_write_a_field_each_above_the_servers_received_are_heard_together() -> None:
    fields = ("mx.acme.example; dmarc=pass", "mx.acme.example; dkim=pass header.d=berg.example", "Received", GOOD)
    assert checked(*fields) == Authenticity(
        server="mx.acme.example", dkim="pass", dmarc="pass", signers=("berg.example",)
    )


def test_nothing_is_trusted_unless_it_is_named() -> None:
    raw = f"From: anna@berg.example\r\nAuthentication-Results: {GOOD}\r\n\r\nx".encode()
    assert parse(raw).authenticity is None
    found = parse(raw, trusted=TRUSTED).authenticity
    assert found is not None
    assert found.dmarc == "pass"


def test_a_server_that_leaves_out_its_name_can_be_trusted() -> None:
    assert said("spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.example; dmarc=pass", trusted=("",)) == (
        "pass", "", "pass",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reply_to", "told"),
    [
        ("anna@evil.example", "evil.example"),
        ("anna@berg.example", ""),
        ("anna@mail.berg.example", ""),
        ("anna@notberg.example", "notberg.example"),
        ("undisclosed", ""),
    ],
)
def test_answers_that_would_go_elsewhere_are_told(reply_to: str, told: str) -> None:
    found = authenticity((), trusted=(), author=ANNA, reply_to=(Address(email=reply_to),), attachments=())
    assert (found.reply_to if found else "") == told


@pytest.mark.parametrize(
    ("name", "kind", "risky"),
    [
        ("invoice.pdf.exe", "application/octet-stream", True),
        ("Report.XLSM", "application/vnd.ms-excel", True),
        ("photo.jpg", "application/x-msdownload", True),
        ("page.html", "text/html", True),
        ("run.exe. ", "application/octet-stream", True),
        ("disk.iso", "application/x-iso9660-image", True),
        ("report.pdf", "application/pdf", False),
        ("table.xlsx", "application/zip", False),
        ("exe", "text/plain", False),
        ("", "image/png", False),
    ],
)
def test_files_that_can_do_harm_are_told(name: str, kind: str, risky: bool) -> None:
    assert is_risky(Attachment(filename=name, content_type=kind, content=b"")) is risky


@pytest.mark.parametrize(
    ("domain", "like"),
    [
        ("acme.example", None),
        ("mail.acme.example", None),
        ("acrne.example", "acme.example"),
        ("аcme.example", "acme.example"),
        ("xn--cme-5cd.example", "acme.example"),
        ("acmé.example", "acme.example"),
        ("acme.exampel", "acme.example"),
        ("acne.example", "acme.example"),
        ("acmee.example", "acme.example"),
        ("ame.example", "acme.example"),
        ("0range.example", "orange.example"),
        ("banana.example", None),
        ("usps.example", None),  # a letter of three means nothing
        ("", None),
    ],
)
def test_domains_that_are_drawn_alike_are_told(domain: str, like: str | None) -> None:
    assert lookalike(domain, ("acme.example", "orange.example", "ups.example")) == like


@given(st.text(), st.text())
def test_any_text_is_taken(text: str, other: str) -> None:
    checked(text, f"mx.acme.example; {other}")
    lookalike(text, [other, f"xn--{other}"])
