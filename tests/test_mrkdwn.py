"""A mail's text in Slack reads as it was written, and can do nothing but be read."""

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail.html import lines as read_html
from bridge.model import Line, Span
from bridge.slack.mrkdwn import escape, render, sections, whole

GUARD = "\u200b"
OUR_LINK = re.compile(r"<(https?://|mailto:|tel:)[^<>|\s]+(\|[^<>\n]*)?>")


def line(*spans: str | Span, **shape: Any) -> Line:
    return Line(spans=tuple(Span(text=span) if isinstance(span, str) else span for span in spans), **shape)


def bold(text: str) -> Span:
    return Span(text=text, bold=True)


def link(text: str, href: str) -> Span:
    return Span(text=text, href=href)


def visible(text: str) -> str:
    return text.replace(GUARD, "").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


# --- styles ---------------------------------------------------------------------------------------------------------

STYLES = {
    "bold": (line("a ", bold("b c"), " d"), "a *b c* d"),
    "italic": (line("a ", Span(text="b", italic=True)), "a _b_"),
    "strike": (line(Span(text="a", strike=True)), "~a~"),
    "code": (line("run ", Span(text="a <b> *c*", code=True), "."), "run `a &lt;b&gt; *c*`."),
    "all at once": (line(Span(text="a", bold=True, italic=True, strike=True)), "*_~a~_*"),
    "marks stand next to words": (line("a", bold(" b ")), "a *b*"),
    "beside punctuation": (line("(", bold("b"), "), ", bold("c"), "!"), "(*b*), *c*!"),
    "inside a word the style is dropped": (line("un", bold("believ"), "able"), "unbelievable"),
    "beside another style it is dropped": (line(bold("a"), Span(text="b", italic=True)), "ab"),
    "heading": (line("A title", heading=True), "*A title*"),
    "heading with a link": (
        line("See ", link("this", "https://x.example/"), heading=True),
        "*See* *<https://x.example/|this>*",
    ),
    "list": (line("one", marker="•"), "• one"),
    "nested list": (line("one", marker="2.", indent=1), "    2. one"),
    "quote": (line("said", quote=1), "> said"),
    "quote in a quote": (line("said", quote=2), "> &gt; said"),
    "empty": (Line(), ""),
}


@pytest.mark.parametrize(("given_line", "expected"), STYLES.values(), ids=STYLES)
def test_styles(given_line: Line, expected: str) -> None:
    assert render([given_line]) == expected


def test_code_stands_in_one_fence() -> None:
    block = [line("a", pre=True), Line(pre=True), line("  b < c", pre=True)]
    assert render([line("x"), *block, line("y")]) == "x\n```\na\n\n  b &lt; c\n```\ny"


def test_code_in_a_quote_flows() -> None:
    assert render([line("a", pre=True, quote=1)]) == "> a"


def test_no_two_empty_lines_follow_each_other() -> None:
    assert render([Line(), Line(), line("a"), Line(), Line(), line(" "), line("b"), Line()]) == "a\n\nb"


# --- links ----------------------------------------------------------------------------------------------------------

LINKS = {
    "words": (link("our shop", "https://shop.example/a?b=1&c=2"), "<https://shop.example/a?b=1&amp;c=2|our shop>"),
    "own address": (
        link("https://shop.example", "https://shop.example/"),
        "<https://shop.example/|https://shop.example>",
    ),
    "own host": (link("shop.example", "https://www.shop.example/x"), "<https://www.shop.example/x|shop.example>"),
    "host above": (link("Shop.Example", "https://click.shop.example/x"), "<https://click.shop.example/x|Shop.Example>"),
    "another host": (
        link("https://bank.example", "https://evil.example/login"),
        "https://bank.example (<https://evil.example/login|https://evil.example/login>)",
    ),
    "another host without scheme": (
        link("Log in at bank.example now", "https://evil.example/"),
        "Log in at bank.example now (<https://evil.example/|https://evil.example>)",
    ),
    "a host that only begins alike": (
        link("bank.example", "https://bank.example.evil.example/"),
        "bank.example (<https://bank.example.evil.example/|https://bank.example.evil.example>)",
    ),
    "a name before the host": (
        link("bank.example", "https://bank.example@evil.example/"),
        "bank.example (<https://bank.example@evil.example/|https://evil.example>)",
    ),
    "a host in full width": (
        link("ｂａｎｋ．example", "https://evil.example/"),
        "ｂａｎｋ．example (<https://evil.example/|https://evil.example>)",
    ),
    "letters of another script": (
        link("bank.example", "https://b\u0430nk.example/"),
        "bank.example (<https://b\u0430nk.example/|https://xn--bnk-6cd.example>)",
    ),
    "address of a person": (
        link("ann@shop.example", "mailto:ann@shop.example"),
        "<mailto:ann@shop.example|ann@shop.example>",
    ),
    "address of another person": (
        link("ann@shop.example", "mailto:eve@evil.example"),
        "ann@shop.example (<mailto:eve@evil.example|eve@evil.example>)",
    ),
    "number": (link("030 123456", "tel:+4930123456"), "<tel:+4930123456|030 123456>"),
    "another number": (link("030 123456", "tel:+190099999"), "030 123456 (<tel:+190099999|+190099999>)"),
    "no words": (link(" ", "https://shop.example/"), " "),
    "separators in the address": (
        link("x", "https://shop.example/a|b>c<d\ne f"),
        "<https://shop.example/a%7Cb%3Ec%3Cde%20f|x>",
    ),
    "words that would close it": (link("a > b | c", "https://x.example/"), "<https://x.example/|a &gt; b | c>"),
    "not of the web": (link("x", "javascript:alert(1)"), "x"),
    "too long to link": (link("x", "https://x.example/" + "a" * 3000), "x"),
}


@pytest.mark.parametrize(("span", "expected"), LINKS.values(), ids=LINKS)
def test_links(span: Span, expected: str) -> None:
    assert render([line(span)]) == expected.strip()


BARE = {
    "see https://x.example/a_b*c. Bye": "see <https://x.example/a_b*c>. Bye",
    "(https://x.example/a_(b))": "(<https://x.example/a_(b)>)",
    "https://x.example/?a=1&b=2, and": "<https://x.example/?a=1&amp;b=2>, and",
    "www.x.example and x.example": "www.x.example and x.example",
    "https:// nothing": "https:// nothing",
    "text <https://x.example/>": "text &lt;<https://x.example/>&gt;",
    "foohttps://x.example": "foohttps://x.example",
}


@pytest.mark.parametrize(("text", "expected"), BARE.items(), ids=BARE)
def test_a_bare_address_becomes_a_link(text: str, expected: str) -> None:
    assert render([line(text)]) == expected


# --- what a mail cannot do ------------------------------------------------------------------------------------------

INERT = {
    "<!channel> <@U123> <#C123|x>": "&lt;!channel&gt; &lt;@U123&gt; &lt;#C123|x&gt;",
    "&lt;!here&gt;": "&amp;lt;!here&amp;gt;",
    "snake_case_name 2*3*4 it's_a~b": "snake_case_name 2*3*4 it's_a~b",
    "* one star, alone": "* one star, alone",
    "Name: ______ Date: ______": "Name: ______ Date: ______",
    "only *one": "only *one",
    "5 * 3 * 2": "5 * 3 * 2",
}


@pytest.mark.parametrize(("text", "expected"), INERT.items(), ids=INERT)
def test_what_cannot_harm_is_not_touched(text: str, expected: str) -> None:
    assert render([line(text)]) == expected


@pytest.mark.parametrize("text", ["*bold*", "_x_ y", "a ~b~", "`code`", "__init__", "**two**", "(*x*)"])
def test_a_mail_s_own_marks_style_nothing(text: str) -> None:
    """Each mark that could style has a zero-width space on either side, and nothing else is added."""
    for rendered in (render([line(text)]), escape(text)):
        assert rendered.replace(GUARD, "") == text
        for found in re.finditer(r"[*_~`]+", rendered):
            assert rendered[found.start() - 1] == GUARD
            assert rendered[found.end()] == GUARD


def test_a_mail_s_own_mark_does_not_close_ours() -> None:
    assert render([line("a *b ", bold("c*d e*f"), " *g")]).replace(GUARD, "") == "a *b *c*d e*f* *g"
    assert f"{GUARD}*{GUARD}b" in render([line("a *b ", bold("c"))])


def test_marks_pair_across_a_link() -> None:
    rendered = render([line("*a ", link("b", "https://x.example/"), " c*")])
    assert rendered == f"{GUARD}*{GUARD}a <https://x.example/|b> c{GUARD}*{GUARD}"


def test_a_sign_at_the_start_is_no_quote() -> None:
    assert render([line("> a"), line(">>> b")]) == f"{GUARD}&gt; a\n{GUARD}&gt;&gt;&gt; b"
    assert escape("> a\n> b") == f"{GUARD}&gt; a\n{GUARD}&gt; b"


def test_a_fence_in_a_mail_opens_none() -> None:
    assert "```" not in render([line("```"), line("x ```` y")])
    assert render([line("a ``` b", pre=True)]).count("```") == 2


def test_overrides_and_controls_are_removed() -> None:
    assert escape("a\u202egpj.exe\u2066\x00\x1b[1mb") == "agpj.exe[1mb"
    assert render([line("\u202dabc\u202c")]) == "abc"


def test_stacked_marks_are_cut() -> None:
    assert len(escape("e" + "\u0301" * 1000)) < 10
    assert escape("Tiê\u0323\u0301ng") == "Tiê\u0323\u0301ng"


# --- pieces ---------------------------------------------------------------------------------------------------------


def test_a_long_text_comes_in_pieces() -> None:
    text = [line(f"line {n} " + "x" * 90) for n in range(100)]
    pieces, cut = sections(text, limit=1000, total=100_000)
    assert not cut
    assert all(len(piece) <= 1000 for piece in pieces)
    assert "\n".join(pieces) == render(text)


def test_beyond_the_total_it_is_cut_and_said_so() -> None:
    pieces, cut = sections([line("word " * 10)] * 1000, limit=1000, total=2500)
    assert cut
    assert sum(map(len, pieces)) <= 2500
    assert sum(map(len, pieces)) > 2300


def test_a_fence_is_closed_and_opened_again() -> None:
    pieces, cut = sections([line("x" * 100, pre=True)] * 30, limit=1000, total=100_000)
    assert not cut
    assert len(pieces) > 3
    for piece in pieces:
        assert piece.startswith("```\n")
        assert piece.endswith("\n```")
        assert piece.count("```") == 2


def test_a_style_is_closed_and_opened_again() -> None:
    pieces, _ = sections([line(bold("many words " * 100))], limit=300, total=100_000)
    assert len(pieces) > 3
    assert all(part.startswith("*") and part.endswith("*") for piece in pieces for part in piece.split("\n"))


def test_a_first_line_too_long_for_a_preview_is_shown_in_part() -> None:
    pieces, cut = sections([line("word " * 200)], limit=300, total=300)
    assert cut
    assert len(pieces) == 1
    assert len(pieces[0]) > 150


def test_no_part_of_an_address_is_linked() -> None:
    pieces, _ = sections([line("https://x.example/" + "a" * 1500)], limit=300, total=9000)
    assert "<" not in "".join(pieces)


def test_a_link_longer_than_a_piece_leaves_its_words() -> None:
    pieces, cut = sections([line(link("here", "https://x.example/" + "a" * 1500))], limit=300, total=300)
    assert (pieces, cut) == (["here"], False)


def test_of_lines_that_do_not_all_fit_the_first_stand_whole() -> None:
    assert whole(["12345", "<link>", "9"], 12) == "12345\n<link>"
    assert whole(["12345", "<link>", "9"], 11) == "12345"
    assert whole(["12345", "9"], 3) == "123"
    assert whole([], 5) == ""


def test_nothing_comes_of_nothing() -> None:
    assert sections([]) == ([], False)
    assert sections([Line(), Line()]) == ([], False)


# --- for any text ---------------------------------------------------------------------------------------------------

texts = st.text(
    alphabet=st.one_of(
        st.sampled_from([*"*_~`<>&|!@# \n\t.:/ab1-(\u202e\u0301é漢\u200d\U0001f600"]),
        st.characters(),
    ),
    max_size=60,
) | st.sampled_from(["<!channel>", "<@U1>", "```", "https://x.example/a|b>c", "&gt; x", ">>> y", "*a*", "@here"])
hrefs = st.sampled_from(
    ["", "", "", "https://x.example/a", "https://x.example/|>\n<", "mailto:a@b.example", "tel:+1", "x:y"]
)
spans = st.builds(
    Span, text=texts, bold=st.booleans(), italic=st.booleans(), strike=st.booleans(), code=st.booleans(), href=hrefs
)
mails = st.lists(
    st.builds(
        Line,
        spans=st.lists(spans, max_size=4).map(tuple),
        quote=st.integers(0, 7),
        indent=st.integers(0, 7),
        marker=st.sampled_from(["", "", "•", "1."]),
        pre=st.booleans(),
        heading=st.booleans(),
    ),
    max_size=8,
)


def assert_harmless(text: str) -> None:
    for attack in ("<!", "<@", "<#"):
        assert attack not in text
    assert text.count("```") % 2 == 0
    outside = OUR_LINK.sub("", text)
    assert "<" not in outside
    assert ">" not in "\n".join(re.sub(r"^> ?", "", part) for part in outside.split("\n"))
    assert not re.search(r"&(?!amp;|lt;|gt;)", text)
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", text)


@given(mails)
def test_no_mail_can_harm(mail: list[Line]) -> None:
    assert_harmless(render(mail))


@given(mails, st.integers(200, 400), st.integers(200, 1500))
def test_no_piece_can_harm_and_all_keep_their_limits(mail: list[Line], limit: int, total: int) -> None:
    pieces, cut = sections(mail, limit=limit, total=total)
    for piece in pieces:
        assert_harmless(piece)
        assert 0 < len(piece) <= limit
    assert sum(map(len, pieces)) <= total
    if len(render(mail)) <= min(limit, total):
        assert not cut
        assert pieces == ([render(mail)] if render(mail) else [])


@given(texts)
def test_escape_keeps_the_words(text: str) -> None:
    escaped = escape(text)
    assert "<" not in escaped
    assert ">" not in escaped
    harmless = re.sub("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufff9-\ufffb]", "", text)
    kept = re.sub("\r\n|[\r\x85\u2028\u2029]", "\n", harmless).replace(GUARD, "")
    kept = kept if kept.isascii() else ""
    assert not kept or visible(escaped) == kept


@given(texts)
def test_html_can_do_no_more_than_text(text: str) -> None:
    assert_harmless(render(read_html(f"<p>{text}</p><a href='{text}'>{text}</a><pre>{text}</pre>")))


HOSTILE = {
    "stars": "*a ",
    "backticks": "`",
    "fences": "``` ",
    "links": "https://x.example/ ",
    "parentheses": "https://x.example/" + ")" * 50,
    "hosts": "a.a.",
    "stacked": "e\u0301\u0301\u0301\u0301\u0301",
    "signs": "<>&",
}


@pytest.mark.parametrize("part", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_with_the_text_and_no_faster(part: str) -> None:
    def seconds(copies: int) -> float:
        mail = [line(part * copies), line(bold(part * copies)), line(link(part * copies, "https://x.example/"))]
        best = 1e9
        for _ in range(3):
            start = time.perf_counter()
            render(mail)
            sections(mail)
            best = min(best, time.perf_counter() - start)
        return best

    small, large = seconds(500), seconds(2_000)
    assert large < 12 * small + 0.05
