"""A mail's HTML reads as a person would see it, whatever it holds."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail.html import labelled, lines, plain, plain_lines
from bridge.model import Line, Span

PLAIN = {
    "text without tags": ("Hello\nthere & you", "Hello there & you"),
    "entities": ("&lt;b&gt; &amp;amp; &eacute; &#8364;", "<b> &amp; é €"),
    "whitespace": ("  a \n\t b<b> c</b>  <i> d</i> e ", "a b c d e"),
    "words touch where tags do": ("un<b>believ</b>able", "unbelievable"),
    "non-breaking spaces": ("a&nbsp;b", "a b"),
    "line breaks": ("a<br>b<br/>c", "a\nb\nc"),
    "empty lines": ("a<br><br>b<br><br><br><br>c", "a\n\nb\n\nc"),
    "paragraphs": ("<p>a</p><p>b</p>", "a\n\nb"),
    "divs": ("<div>a</div><div>b</div>", "a\nb"),
    "Gmail's empty line": ("<div>a</div><div><br></div><div>b<br></div><div>c</div>", "a\n\nb\nc"),
    "Outlook's paragraphs": (
        "<p class=MsoNormal>a</p><p class=MsoNormal>b</p><p class=MsoNormal>&nbsp;</p><p>c</p>",
        "a\nb\n\nc",
    ),
    "paragraphs without margin": ("<p style='margin:0'>a</p><p style='margin:0cm 0cm 0.0001pt'>b</p>", "a\nb"),
    "rule": ("a<hr>b", "a\n\nb"),
    "heading": ("<h1>a</h1>b", "a\n\nb"),
    "block by style": ("a<span style='display:block'>b</span>c", "a\nb\nc"),
    "bullets": ("x<ul><li>a<li>b<ul><li>c</ul></ul>y", "x\n\n• a\n• b\n  • c\n\ny"),
    "numbers": ("<ol start=3><li>a</li><li>b</li><li value=9>c</li><li>d</li></ol>", "3. a\n4. b\n9. c\n10. d"),
    "bare list": ("<ul style='list-style:none'><li>a</li><li>b</li></ul>", "a\nb"),
    "item of two paragraphs": ("<ul><li><p>a</p><p>b</p></li><li>c</li></ul>", "• a\nb\n• c"),
    "Word's list": (
        (
            "<p class=MsoListParagraph style='mso-list:l0 level2 lfo1'><![if !supportLists]><span "
            "style='mso-list:Ignore'>·<span>&nbsp;&nbsp; </span></span><![endif]>a</p><p class=MsoListParagraph "
            "style='mso-list:l0 level1 lfo1'><span style='mso-list:Ignore'>2.<span>&nbsp; </span></span>b</p>"
        ),
        "  • a\n2. b",
    ),
    "quote": ("a<blockquote>b<blockquote>c</blockquote></blockquote>", "a\n\n> b\n>\n> > c"),
    "Gmail's indentation is no quote": (
        "<blockquote style='margin:0 0 0 40px;border:none;padding:0'>a</blockquote>",
        "a",
    ),
    "code": ("<pre>def f():\n\n\n    return 1\n</pre>", "def f():\n\n\n    return 1"),
    "spaces that count": ("<div style='white-space:pre-wrap'>a\n  b</div>", "a\n  b"),
    "link": ("<a href='https://x.example/a?b=1&amp;c'>shop</a>", "shop <https://x.example/a?b=1&c>"),
    "link that says itself": ("<a href='https://x.example/'>x.example</a>", "x.example"),
    "address": ("<a href='mailto:a@x.example'>a@x.example</a>", "a@x.example"),
    "number": ("<a href='tel:+4930123'>+49 30 123</a>", "+49 30 123"),
    "two links": (
        "<a href=https://a.example>a</a><a href=https://b.example>b</a>",
        "a <https://a.example>b <https://b.example>",
    ),
    "link with a line break": ("<a href='https://x.example/a\nb'>x</a>", "x <https://x.example/ab>"),
    "scripts are no links": (
        "<a href='javascript:alert(1)'>a</a> <a href='JaVa\tScript:x'>b</a> <a href='data:,x'>c</a>",
        "a b c",
    ),
    "address without scheme": ("<a href='//x.example/a'>a</a> <a href='/b'>b</a>", "a <https://x.example/a> b"),
    "picture": ("<img src='https://x.example/a.png' alt='A  cat'>", "A cat"),
    "picture without words": ("a<img src='https://x.example/a.png'>b", "ab"),
    "pixel": ("a<img src='https://x.example/p' alt=x width=1 height=1>", "a"),
    "pixel by style": ("a<img src='https://x.example/p' alt=x style='width:1px;height:1px'>", "a"),
    "picture that came along": (
        "<img src='cid:image001.png@01DA' alt=''> <img src=cid:x@y alt=Logo>",
        "[image: image001.png] [image: Logo]",
    ),
    "not to be read": (
        "<head><title>t</title></head><style>a{}</style><script>b</script><!-- c --><template>d</template>e",
        "e",
    ),
    "form fields": ("<select><option>a</select><textarea>b</textarea><button>c</button>", "c"),
    "invisible letters": ("a\u200bb\ufeffc&shy;d \u200c\u200c", "abcd"),
    "letters that join": ("می\u200cخواهم 👩\u200d👧", "می\u200cخواهم 👩\u200d👧"),
    "layout": (
        (
            "<table role=presentation><tr><td><table><tr><td>a</td></tr></table></td>"
            "<td><p>b</p><p>c</p></td></tr></table>"
        ),
        "a\n\nb\n\nc",
    ),
    "cells beside each other": ("<table><tr><td>Total</td><td>9 €</td></tr></table>", "Total  9 €"),
    "data": (
        (
            "<table><tr><th>Item</th><th>Qty</th></tr><tr><td>Blue mug</td><td>2</td>"
            "</tr><tr><td>杯子</td><td>1</td></tr></table>"
        ),
        "Item      Qty\nBlue mug  2\n杯子      1",
    ),
    "data without header cells": (
        (
            "<table border=1><tr><td>a</td><td>bb</td></tr><tr><td>ccc</td><td></td>"
            "</tr><tr><td>d</td><td>e</td></tr></table>"
        ),
        "a    bb\nccc\nd    e",
    ),
    "text around a table": ("a<table><tr><td>b</td></tr></table>c", "a\n\nb\n\nc"),
    "frames": ("<frameset><frame src=x></frameset>", ""),
    "text after the end": ("<html><body>a</body></html>b", "ab"),
    "nothing": ("", ""),
}

HIDDEN = [
    "style='display:none'",
    "style='DISPLAY : NONE !important'",
    "style='visibility:hidden'",
    "style='font-size:0'",
    "style='font-size: 0px;line-height:0'",
    "style='font:0/0 a'",
    "style='max-height:0px;overflow:hidden'",
    "style='height:0;overflow:hidden'",
    "style='opacity:0'",
    "style='opacity:0.0'",
    "style='mso-hide:all'",
    "style='position:absolute;left:-9999px'",
    "style='position: absolute; top: -10000em'",
    "style='text-indent:-9999px'",
    "style='font-size:1px;color:#ffffff;line-height:1px'",
    "style='font:1px/1px Arial'",
    "hidden",
    "class='a preheader'",
]
SHOWN = [
    "style='display:block'",
    "style='font-size:0.8em'",
    "style='font-size:10px'",
    "style='font:bold 12px/0 Arial'",
    "style='max-height:100px'",
    "style='opacity:0.5'",
    "style='line-height:0'",
    "style='fill-opacity:0'",
    "style='left:-9999px'",
    "style='position:relative;left:-10px'",
    "style='text-indent:-18pt'",
    "style='font-size:1em'",
    "style='font:700 1rem Arial'",
    "style='display:none;display:block'",
    "style='max-height:00000001px'",
    "class=phone",
]
SHEET = "<style>.preheader, p.b{display:none} .phone p{display:none} @media print{.phone{display:none}}</style>"


@pytest.mark.parametrize(("source", "expected"), PLAIN.values(), ids=PLAIN)
def test_plain(source: str, expected: str) -> None:
    assert plain(source) == expected


@pytest.mark.parametrize("attribute", HIDDEN)
def test_what_is_hidden_is_left_out(attribute: str) -> None:
    assert plain(f"{SHEET}<div>a</div><div {attribute}>b <i>c</i></div>") == "a"


@pytest.mark.parametrize("attribute", SHOWN)
def test_what_is_shown_is_kept(attribute: str) -> None:
    assert plain(f"{SHEET}<div>a</div><div {attribute}>b</div>") == "a\nb"


def test_a_size_of_nothing_ends_where_another_begins() -> None:
    assert plain("<div style='font-size:0'>a<span style='font-size:14px'>b</span>c</div>") == "b"


def test_a_button_that_only_outlook_hides_is_shown() -> None:
    assert plain("<a href='https://x.example' style='mso-hide:all'>Pay</a>") == "Pay <https://x.example>"


@pytest.mark.parametrize(
    ("source", "style"),
    [
        ("<b>x</b>", "bold"),
        ("<strong>x</strong>", "bold"),
        ("<span style='font-weight:700'>x</span>", "bold"),
        ("<span style='font-weight:bold'>x</span>", "bold"),
        ("<i>x</i>", "italic"),
        ("<em>x</em>", "italic"),
        ("<span style='font-style:italic'>x</span>", "italic"),
        ("<del>x</del>", "strike"),
        ("<s>x</s>", "strike"),
        ("<span style='text-decoration:line-through'>x</span>", "strike"),
        ("<code>x</code>", "code"),
        ("<tt>x</tt>", "code"),
    ],
)
def test_styles(source: str, style: str) -> None:
    (line,) = lines(f"a {source} b")
    assert [span.text for span in line.spans] == ["a ", "x", " b"]
    assert [getattr(span, style) for span in line.spans] == [False, True, False]


def test_a_style_can_be_taken_back() -> None:
    (line,) = lines("<b style='font-weight:normal'>x</b>")
    assert line.spans == (Span(text="x"),)


def test_shapes_of_lines() -> None:
    found = lines("<h2>a</h2><pre>b</pre><ul><li>c</ul><blockquote>d</blockquote>")
    assert [line for line in found if line.spans] == [
        Line(spans=(Span(text="a"),), heading=True),
        Line(spans=(Span(text="b"),), pre=True),
        Line(spans=(Span(text="c"),), marker="•"),
        Line(spans=(Span(text="d"),), quote=1),
    ]


def test_a_whole_mail_in_pre_is_no_code() -> None:
    assert not any(line.pre for line in lines("<pre class=k9mail>a\nb</pre><pre wrap>c</pre>"))


def test_a_table_s_rows_are_of_a_fixed_width() -> None:
    assert all(line.pre for line in lines("<table><tr><th>a<th>b<tr><td>c<td>d</table>"))


def test_links_in_a_table_are_kept() -> None:
    source = "<table border=1><tr><td>a<td><a href=https://x.example>Track</a><tr><td>b<td>c</table>"
    assert "https://x.example" in plain(source)


def test_labels_add_up_on_the_way_down() -> None:
    labels = {"a": 1, "b": 2}
    source = "x<div id=a>y<p id=b>z</p></div><p>w"
    found = labelled(source, lambda _tag, attributes: labels.get(attributes.get("id") or "", 0))
    assert [(line.text, label) for line, label in found if line.spans] == [("x", 0), ("y", 1), ("z", 3), ("w", 0)]


def test_plain_lines_of_lines_made_elsewhere() -> None:
    made = [
        Line(spans=(Span(text="a"),), quote=2),
        Line(quote=1),
        Line(),
        Line(spans=(Span(text="b"),), marker="1.", indent=1),
    ]
    assert plain_lines(made) == "> > a\n>\n\n  1. b"


def test_a_mail_too_long_is_cut_and_says_so() -> None:
    found = plain("<p>word</p>" * 150_000)
    assert found.startswith("word")
    assert found.endswith("[The mail is longer: its end is not shown here.]")


def test_inline_images_do_not_count_as_length() -> None:
    assert plain(f"<img alt=x src='data:image/png;base64,{'A' * 3_000_000}'>after") == "xafter"


@pytest.mark.parametrize(
    "nesting",
    ["<table><tr><td>", "<blockquote>", "<div>", "<ul><li>", "<b>", "<a href=https://x.example>", "<span>", "<font>"],
)
def test_what_is_nested_deep_is_still_read(nesting: str) -> None:
    for depth in (500, 5_000, 50_000):
        assert "inside" in plain(f"before {nesting * depth}inside")


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    for found in (plain(text), plain(f"<div style='{text}' class='{text}'>{text}</div><a href='{text}'><{text}>")):
        assert isinstance(found, str)


PIECES = """
<p> </p> <b> </b> <table> <tr> <td> </table> <ul> <li> </ul> <pre> <blockquote> </blockquote> <br> <img> x y & <!-- -->
<script> </script> <a> </a> <style> </style> <div> </div> <th> <h1> <select> <svg> &nbsp;
"""


@given(st.lists(st.sampled_from([*PIECES.split(), "\n", "\ud800"])).map(" ".join))
def test_lines_are_tidy(source: str) -> None:
    """No line holds a line break, ends in a space or is the second empty one; none is empty at either end."""
    found = lines(source)
    for line in found:
        assert "\n" not in line.text
        assert line.text == line.text.rstrip()
        assert all(span.text for span in line.spans)
    assert not any(not (a.spans or b.spans or a.pre or b.pre) for a, b in pairwise(found))
    assert not found or found[0].spans or found[0].pre


HOSTILE = {
    "open divs": "<div>",
    "open tables": "<table><tr><td>",
    "quotes": "<blockquote>x",
    "comments": "<!--",
    "less-than signs": "<",
    "formatting to be opened again": "<b a={}><p>x",
    "attributes": None,
    "open attributes": '<a x="',
    "rows": "<tr><td>x<td>y",
    "items": "<ul><li>x",
    "short items": "<li>x",
    "links": "<a href=https://x.example>x</a>",
    "line breaks": "<br>",
    "spaces": "&nbsp;",
    "sheets": "<style>.a{display:none}</style>",
    "at-rules": "<style>@none{",
    "runs": "x<!-- -->",
    "paragraphs": "<p style='font:0/0 a'>x</p>",
}


@pytest.mark.parametrize("part", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_with_the_text_and_no_faster(part: str | None) -> None:
    def seconds(copies: int) -> float:
        if part is None:
            source = "<p " + " ".join(f"a{number}=1" for number in range(copies)) + ">x"
        else:
            source = "".join(part.replace("{}", str(number)) for number in range(copies))
        best = 1e9
        for _ in range(2):
            start = time.thread_time()  # what others do on this machine does not count
            plain(source)
            best = min(best, time.thread_time() - start)
        return best

    small, large = seconds(4_000), seconds(16_000)
    assert large < 12 * small + 0.1
