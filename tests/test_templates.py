"""Canned answers: found, filled in, harmless whatever a stranger calls himself."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from onstage import said

from bridge.automation.hours import ALWAYS, Hours, read
from bridge.canned import Template, Templates, filled
from bridge.errors import Refused
from bridge.model import Address, Number
from bridge.slack import canned, reading
from bridge.slack.markdown import literal, plain_words, rich_text
from bridge.slack.richtext import lines
from bridge.templates import LONGEST_HTML, Values, check, check_html, render, render_html

SHOP = Address(name="Fernhill Coffee", email="hello@fernhill.example.com")
FACTS = Values(
    number=Number(1042),
    sender=Address(name="Dana Reyes", email="dana@example.com"),
    subject="Two bags",
    mailbox=SHOP,
    agent=Address(name="Mina Park", email="mina@fernhill.example.com"),
)


def written(text: str, values: Values = FACTS) -> str:
    return filled(Template(name="x", text=text), values, literal=literal).text


def words(text: str) -> list[str]:
    return [line.text for line in lines(rich_text(text))]


def test_every_variable_is_filled_in() -> None:
    text = "{{ number }}|{{ sender.name }}|{{ sender.email }}|{{ subject }}|{{ mailbox.name }}|{{ agent.name }}"
    assert words(written(text)) == ["1042|Dana Reyes|dana@example.com|Two bags|Fernhill Coffee|Mina Park"]


def test_who_has_no_name_is_called_by_the_address() -> None:
    nameless = Values(number=None, sender=Address(email="d@example.com"), subject="", mailbox=SHOP)
    assert words(written("Dear {{ sender.name }}{{ number }}", nameless)) == ["Dear d@example.com"]


@pytest.mark.parametrize("unknown", ["{{ customer }}", "{{ sender.phone }}", "{{ sender.name.first.last }}"])
def test_what_is_unknown_is_refused_when_it_is_read(unknown: str) -> None:
    with pytest.raises(Refused):
        check(f"Dear {unknown}")


def test_what_of_a_person_there_is_not_is_said_in_words() -> None:
    with pytest.raises(Refused, match=r"^there is no sender\.nme; it may speak of sender\.email, sender\.name\.$"):
        check("Dear {{ sender.nme }}")
    check("Dear {{ sender.name | upper }}, {{ subject | title }}")


@pytest.mark.parametrize(
    "broken",
    ["{{ number", "{% if %}", "{% include 'x' %}", "{{ 1 / 0 }}", "{{ subject.format(1).x }}"],
)
def test_what_cannot_be_read_is_a_sentence(broken: str) -> None:
    with pytest.raises(Refused):
        check(broken)
    with pytest.raises(Refused, match="“x”"):
        written(broken)


@pytest.mark.parametrize(
    "escape",
    [
        "{{ subject.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ sender.update({'name': 'x'}) }}",
        "{% for i in range(1000000000) %}x{% endfor %}",
    ],
)
def test_a_template_cannot_leave_its_sandbox(escape: str) -> None:
    with pytest.raises(Refused):
        check(escape)


BOMBS = (
    "{{ 'a' * 10 ** 10 }}",
    "{{ 10 ** 10 ** 9 }}",
    "{{ 'x'|center(10 ** 9) }}",
    "{{ 'x'|center(1000000000) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ 'a'|replace('a', 'aaaaaaaaaa')|replace('a', 'aaaaaaaaaa')|replace('a', 'aaaaaaaaaa') }}",
    "{{ subject|replace('', 'aaaaaaaaaa') }}",
    "{{ subject|replace('a', subject) }}",
    "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}",
    "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
    "{% set a = 'aaaaaaaaaa' %}{% set a = a ~ a %}{{ a }}",
    "{{ range(100000)|list }}",
    "{{ lipsum(100000) }}",
    "{{ " + "not " * 20_000 + "number }}",
    "{{ " + "(" * 20_000 + "number" + ")" * 20_000 + " }}",
    "{{ number" + "|upper" * 20_000 + " }}",
    "{% if number %}" * 200 + "{% endif %}" * 200,
    "{% if number %}" + "{% elif number %}" * 20_000 + "{% endif %}",
)


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_a_template_that_would_take_the_service_down_is_refused_at_once(bomb: str) -> None:
    """Be it saved by an admin, or kept from before such were refused."""
    for reader in (check, check_html):
        with pytest.raises(Refused):
            reader(bomb)
    with pytest.raises(Refused):
        render(bomb, FACTS)
    with pytest.raises(Refused):
        render_html(bomb, FACTS)


@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("{# a word to ourselves #}{{ sender.name|upper }}", "DANA REYES"),
        ("{{ '  two bags '|trim|title }} {{ subject|lower }}", "Two Bags two bags"),
        ("{{ subject|replace('Two', '2') }}", "2 bags"),
        ("{{ agent.name|default('us') }}", "Mina Park"),
        ("{{ 'a' ~ '-' ~ number }}", "a-1042"),
        ("{{ 'x' if hours.open else 'y' }}", "x"),
        ("{% if 'bags' in subject and not (number == 7 or false) %}a{% elif number %}b{% else %}c{% endif %}", "a"),
        ("{% raw %}{{ number }}{% endraw %}", "{{ number }}"),
    ],
)
def test_what_a_template_may_do(template: str, made: str) -> None:
    check(template)
    assert render(template, FACTS) == made


@pytest.mark.parametrize("failing", ["{{ number < 7 }}", "{% if not sender.name %}{{ number > 7 }}{% endif %}"])
def test_what_fails_for_whoever_has_no_name_is_refused_when_it_is_read(failing: str) -> None:
    with pytest.raises(Refused):
        check(failing)
    with pytest.raises(Refused):
        check_html(failing)


def test_what_a_template_may_not_do_is_told_with_its_line() -> None:
    with pytest.raises(Refused, match=r"^line 2: .*`if`.*upper"):
        check("Hello\n{% for one in subject %}{{ one }}{% endfor %}")


def test_a_strangers_name_formats_nothing_and_links_nowhere() -> None:
    evil = "**B** _i_ [pay](https://evil.example) <https://evil.example> `c`\n\n- {{ agent.name }} https://evil.example"
    facts = Values(number=None, sender=Address(name=evil, email="e@x"), subject="", mailbox=SHOP)
    block = rich_text(written("Dear **{{ sender.name }}**,", facts))
    [line] = lines(block)
    assert line.text == "Dear " + " ".join(evil.split()) + ","
    assert not any(span.href or span.code or span.italic for span in line.spans)


def test_markdown_becomes_what_slack_draws() -> None:
    block = rich_text(
        "Hello,\nthank **you** and _all_ ~~none~~.\n\nNext:\n\n1. `code`\n2. [a link](https://a.example)\n\n> said\n\nBye"
    )
    found = lines(block)
    assert [(one.marker, one.quote, one.text) for one in found] == [
        ("", 0, "Hello,"),
        ("", 0, "thank you and all none."),
        ("", 0, ""),
        ("", 0, "Next:"),
        ("1.", 0, "code"),
        ("2.", 0, "a link"),
        ("", 1, "said"),
        ("", 0, "Bye"),
    ]
    spans = {span.text: span for line in found for span in line.spans}
    assert spans["you"].bold
    assert spans["all"].italic
    assert spans["none"].strike
    assert spans["code"].code
    assert spans["a link"].href == "https://a.example"


def test_a_list_of_templates_shows_words_and_no_marks() -> None:
    text = "Hi {{ sender.name }},\n\nit **leaves today**:\n\n1. `one`\n2. [two](https://a.example)"
    assert plain_words(text, most=80) == "Hi {{ sender.name }}, it leaves today: one two"
    templates = [Template(name="Late", text=text)]
    assert "it leaves today: one two" in said(reading.templates(templates))
    assert "it leaves today: one two" in said(canned.window(templates, page=0))


def test_html_and_images_are_words() -> None:
    assert "".join(words("<b onclick=x>hi</b> ![i](https://a.example/x.png)")).startswith("<b onclick=x>hi</b> ")


async def test_templates_are_found_by_name_and_listed_by_folder() -> None:
    there = [Template(name="Late", text="b", folder="Shipping"), Template(name="Hello", text="a")]

    async def all_() -> list[Template]:
        return there

    templates = Templates(all_)
    assert [one.name for one in await templates.listed()] == ["Hello", "Late"]
    assert (await templates.find(" late ")).text == "b"
    with pytest.raises(Refused, match="no template “Later”"):
        await templates.find("Later")
    there += [Template(name="Later", text="c"), Template(name="LATE", text="another")]
    assert len(await templates.listed()) == 3
    assert len(await templates.every()) == 4
    assert (await templates.find("late")).text == "b"


# --- office hours -----------------------------------------------------------------------------------------------------

LINES = ("mon-fri 9:00-12:30, 13:30-18:00", "sat 10:00-14:00")
SHOP_HOURS = Hours(
    spans=read(LINES), zone=ZoneInfo("Europe/Berlin"), holidays=frozenset({date(2026, 11, 30)}), written=LINES
)
BACK = "{% if not hours.open %}We are back on {{ hours.opens }}.{% else %}Here{{ hours.opens }}.{% endif %}"


def at(moment: str, hours: Hours = SHOP_HOURS) -> Values:
    """The facts at that moment, in UTC."""
    return Values(
        number=Number(1042),
        sender=FACTS.sender,
        subject="Two bags",
        mailbox=SHOP,
        hours=hours,
        at=datetime.fromisoformat(moment).replace(tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("2026-11-27 08:00", "Here."),
        ("2026-11-27 11:30", "We are back on Friday 27 November, 13:30."),
        ("2026-11-27 18:00", "We are back on Saturday 28 November, 10:00."),
        ("2026-11-28 23:30", "We are back on Tuesday 1 December, 9:00."),  # Sunday there, and Monday is a holiday
        ("2026-03-28 14:00", "We are back on Monday 30 March, 9:00."),  # the clocks are set forward between
    ],
)
def test_a_template_knows_whether_somebody_is_there_and_when_next(moment: str, told: str) -> None:
    assert render(BACK, at(moment)) == told


def test_round_the_clock_there_is_nothing_to_tell() -> None:
    assert render(BACK + "{{ hours.text }}", at("2026-11-28 23:30", ALWAYS)) == "Here."


def test_hours_are_told_as_the_operator_wrote_them() -> None:
    told = "mon-fri 9:00-12:30, 13:30-18:00; sat 10:00-14:00"
    assert render("{{ hours.text }}", at("2026-11-27 08:00")) == told


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (Template(name="x", text="{{ hours.opens }}부터 답해 드립니다."), "12월 1일 화요일 9:00부터 답해 드립니다."),
        (Template(name="x", text="{{ hours.opens }}", language="Korean"), "12월 1일 화요일 9:00"),
        (Template(name="x", text="서울: {{ hours.opens }}", language="en"), "서울: Tuesday 1 December, 9:00"),
        (Template(name="x", text="Wieder da: {{ hours.opens }}"), "Wieder da: Tuesday 1 December, 9:00"),
    ],
)
def test_a_time_is_told_in_the_language_of_the_template(template: Template, told: str) -> None:
    text = filled(template, at("2026-11-28 23:30"), literal=literal).text
    assert words(text) == [told]


@pytest.mark.parametrize("unknown", ["hours.close", "sender.phone", "number.x"])
def test_what_is_unknown_behind_an_if_is_refused_when_it_is_read(unknown: str) -> None:
    """Else it would be found out on the first evening, by a customer."""
    for template in (
        f"{{% if not hours.open %}}{{{{ {unknown} }}}}{{% endif %}}",
        f"{{% if hours.open %}}{{{{ {unknown} }}}}{{% endif %}}",
        f"{{% if not sender.name %}}{{{{ {unknown} }}}}{{% endif %}}",
    ):
        with pytest.raises(Refused, match="it may speak of"):
            check(template)
        with pytest.raises(Refused, match="it may speak of"):
            check_html(f"<p>{template}</p>")


# --- HTML -------------------------------------------------------------------------------------------------------------

HOSTILE = Values(
    number=None, sender=Address(name="""<script>'"&</b>""", email="e@x"), subject="{{ number }}", mailbox=SHOP
)
ESCAPED = "&lt;script&gt;&#39;&#34;&amp;&lt;/b&gt;"


@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("<b title='{{ sender.name }}'>{{ sender.name }}</b>", f"<b title='{ESCAPED}'>{ESCAPED}</b>"),
        ("<b>{{ sender.name|e }}</b>", f"<b>{ESCAPED}</b>"),
        ("{{ sender.name|e|replace('&lt;', '<') }}", ESCAPED),
        ("{{ sender.name|replace('script', '<b>') }}", "&lt;&lt;b&gt;&gt;&#39;&#34;&amp;&lt;/b&gt;"),
        ("{{ sender.name|default('<b>') }}", ESCAPED),
        ("{{ '<b>' ~ sender.name }}", f"&lt;b&gt;{ESCAPED}"),
        ("<p>{{ subject }}</p>", "<p>{{ number }}</p>"),
    ],
)
def test_what_is_filled_into_html_is_words(template: str, made: str) -> None:
    check_html(template)
    assert render_html(template, HOSTILE) == made


@pytest.mark.parametrize(
    "template",
    [
        "{{ sender.name|safe }}",
        "{% filter safe %}{{ sender.name }}{% endfilter %}",
        "{{ [sender.name]|map('safe')|join }}",
        "<b title={{ sender.name|tojson }}>",
        "{% autoescape false %}{{ sender.name }}{% endautoescape %}",
        "{% if not hours.open %}{{ sender.name|safe }}{% endif %}",
        "{{ password }}",
        "{{ sender.name",
        "x" * (LONGEST_HTML + 1),
    ],
)
def test_html_that_could_hold_more_than_words_is_refused_when_it_is_read(template: str) -> None:
    with pytest.raises(Refused):
        check_html(template)


def test_html_is_whole_or_not_at_all() -> None:
    """Where a stranger's subject would make it too long, or nothing comes of it, the text goes alone."""
    check_html("<p>{{ subject }}</p>")
    long = Values(number=None, sender=FACTS.sender, subject="<" * LONGEST_HTML, mailbox=SHOP)
    assert render_html("<p>{{ subject }}</p>", long) == ""
    assert render_html("{% if not hours.open %}<p>Closed</p>{% endif %}\n", FACTS) == ""
