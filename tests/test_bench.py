"""`bridge bench mail` tells how quickly mail is read, to people and to programs."""

import json
from pathlib import Path

import pytest

from bridge.cli import main
from bridge.mail import samples
from bridge.mail.bench import Figure, Result
from bridge.mail.mutations import mutated
from bridge.mail.parse import parse

Printed = pytest.CaptureFixture[str]


def test_every_kind_is_measured_and_programs_get_json(capsys: Printed, tmp_path: Path) -> None:
    (tmp_path / "one.eml").write_bytes(b"Subject: x\n\ntext")
    main(["bench", "mail", "--mutations", "20", "--seconds", "0.001", "--json", "--mails", str(tmp_path)])
    result = json.loads(capsys.readouterr().out)
    names = {one["name"] for one in result["figures"]}
    assert {f"parse: {kind}" for kind in samples.ordinary()} < names
    assert {f"hostile: {kind}" for kind in samples.hostile()} | {"20 damaged mails"} < names
    assert not [one for one in result["failures"] if "raised" in one]


def test_a_failure_is_told() -> None:
    failed = Result(figures=(Figure(name="a", value=1200.5, unit="mails/s"),), failures=("It took 3 s.",))
    assert failed.as_table() == "a     1,200.5 mails/s\nFAILED It took 3 s."


def test_ordinary_mails_are_read_as_written() -> None:
    """What is measured is reading that gives the right result."""
    for mails in samples.ordinary().values():
        for raw in mails:
            message = parse(raw)
            assert message.author.name == "Zoë Berg"
            assert message.text.strip()
            assert "\ufffd" not in message.text
            assert not message.notes


def test_the_same_seed_does_the_same_damage() -> None:
    mails = [raw for kind in samples.ordinary().values() for raw in kind]
    once, again, other = (list(mutated(mails, count=50, seed=seed)) for seed in (7, 7, 8))
    assert once == again != other
