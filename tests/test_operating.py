"""What docs/operating.md says of installing, backing up and restoring, tried."""

import configparser
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from onstage import Desk, ask, received, rich

from bridge.demo.stage import CHANNEL, Stage
from bridge.store import conversations
from bridge.store.database import Store

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"


# --- what is installed ------------------------------------------------------------------------------------------------


class Unit(configparser.ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr  # systemd tells keys apart by their case


def unit() -> dict[str, str]:
    parser = Unit(strict=False, interpolation=None)
    parser.read(DEPLOY / "bridge.service")
    return dict(parser["Service"])


def test_the_unit_waits_for_a_stop_and_does_not_insist_on_a_missing_setting() -> None:
    service = unit()
    assert service["ExecStart"].endswith("bridge run")
    assert int(service["TimeoutStopSec"]) >= 10
    assert service["RestartPreventExitStatus"] == "2"


def test_the_unit_writes_to_its_own_folder_alone() -> None:
    service = unit()
    assert service["ProtectSystem"] == "strict"
    assert service["DynamicUser"] == "yes"
    assert service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == ""


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())
    return read


def test_the_containers_hold_no_secret_and_little_power() -> None:
    bridge = compose()["services"]["bridge"]
    assert bridge["read_only"] is True
    assert bridge["cap_drop"] == ["ALL"]
    for value in (*bridge["environment"].values(), *compose()["services"]["database"]["environment"].values()):
        assert not re.search(r"(?i)(password|key)=\w", value)
    assert bridge["environment"]["BRIDGE_SECRET_KEY"].startswith("${BRIDGE_SECRET_KEY:?")


def test_the_image_runs_as_nobody_in_particular_and_takes_only_what_it_needs() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    last = lines[max(place for place, line in enumerate(lines) if line.startswith("FROM")) :]
    assert "USER 10001:10001" in last
    copied = next(line for line in lines if line.startswith("COPY pyproject.toml")).split()[1:-1]
    assert all((ROOT / one).exists() for one in copied)


# --- what is kept -----------------------------------------------------------------------------------------------------


async def test_a_desk_restored_from_a_backup_goes_on_from_there(tmp_path: Path) -> None:
    """Backed up while it runs; nothing that it knew is posted or sent again, and numbers go on."""
    stage = Stage(tmp_path / "before", hold=0)
    await stage.start()
    try:
        mina = Desk(stage)
        await ask(stage)
        card = await mina.sees_card("Two bags")
        await mina.opens(card)
        await mina.person.submit({"body": rich("They are on their way.")})
        await received(stage, "dana@example.com")
        await mina.sees(lambda: mina.line(card, ":white_check_mark: Sent"))

        backup = tmp_path / "backup"
        backup.mkdir()
        with sqlite3.connect(stage.database) as database:
            database.execute("VACUUM INTO ?", (str(backup / "bridge.db"),))
        database.close()
        shutil.copy(stage.data / "secret.key", backup)
        shutil.copytree(stage.data / "mail", backup / "mail")
        await stage.stop_bridge()

        stage.data = backup
        await stage.start_bridge()
        await ask(stage, subject="After the restore")
        await mina.sees_card("#2")
        assert len(mina.cards()) == 2
        assert len(stage.world.inbox["dana@example.com"]) == 1
        await mina.person.click(CHANNEL, card["ts"], "close")
        assert await mina.sees(lambda: mina.card("Closed"))
    finally:
        await stage.stop()


async def test_a_postgresql_backup_is_a_dump(postgresql_url: str, postgresql_server: str, tmp_path: Path) -> None:
    """`pg_dump` and `pg_restore`, with what Alembic and our own columns need in them."""
    from bridge.model import ChannelId, MailboxName, Status, now  # noqa: PLC0415

    store = await Store.open(postgresql_url)
    async with store.write() as conn:
        number = await conversations.create(
            conn,
            mailbox=MailboxName("support"),
            channel=ChannelId("C1"),
            subject="Kept",
            status=Status.OPEN,
            at=now(),
        )
    await store.close()
    schema = re.search(r"search_path%3D(\w+)", postgresql_url)
    assert schema
    dump = tmp_path / "bridge.dump"
    run(["pg_dump", "--format=custom", f"--schema={schema[1]}", f"--file={dump}", postgresql_server])
    run(["psql", "--quiet", "--command", f"DROP SCHEMA {schema[1]} CASCADE", postgresql_server])
    run(["pg_restore", "--exit-on-error", f"--dbname={postgresql_server}", dump])
    store = await Store.open(postgresql_url)
    async with store.read() as conn:
        found = await conversations.get(conn, number)
    await store.close()
    assert found
    assert found.subject == "Kept"


def run(command: list[str | Path]) -> None:
    folder = next(iter(Path("/usr/lib/postgresql").glob("*/bin")), Path("/usr/bin"))
    command[0] = folder / command[0]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="the unit is NOT verified: no systemd-analyze")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """The program does not stand in /opt here, which is all that may be said against it."""
    file = tmp_path / "bridge.service"
    file.write_text((DEPLOY / "bridge.service").read_text().replace("/opt/bridge/bin/bridge", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
