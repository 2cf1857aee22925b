"""Canned answers: found, filled in, harmless whatever a stranger calls himself."""

import pytest
from onstage import said

from bridge.canned import Template, Templates, filled
from bridge.errors import Refused
from bridge.model import Address, Number
from bridge.slack import canned, reading
from bridge.slack.markdown import literal, plain_words, rich_text
from bridge.slack.richtext import lines
from bridge.templates import Values, check

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
    with pytest.raises(Refused, match=r"^there is no sender\.nme; it may speak of sender\.name, sender\.email\.$"):
        check("Dear {{ sender.nme }}")
    check("Dear {{ sender.name.upper() }}, {{ subject.title() }}")


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
