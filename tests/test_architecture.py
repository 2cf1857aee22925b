"""The tree is the architecture: imports run one way, each outside world has one folder, nothing happens at import."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import bridge

ROOT = Path(bridge.__file__).parent

BASE = {
    "automation.hours",
    "canned",
    "clockwork",
    "commands.untrusted",
    "config",
    "errors",
    "guard.undelivered",
    "languages",
    "limits",
    "logs",
    "lookup",
    "model",
    "numbers.figures",
    "routing.matching",
    "rules",
    "sentences",
    "settings.layers",
    "settings.models",
    "settings.near",
    "settings.providers",
    "settings.rules",
    "settings.times",
    "settings.values",
    "settings.weekly",
    "templates",
}
WORLDS = {"store", "mail", "slack"}
ROOMS = {"automation", "commands", "guard", "numbers", "routing", "settings"}
"""Folders of the desk: modules that have one subject, each of which stands where it stands, as those at the root do."""

DESK = {
    "accounts",
    "addressees",
    "admins",
    "agents",
    "answers",
    "as_read",
    "automation.acknowledge",
    "automation.alarms",
    "automation.byitself",
    "automation.canary",
    "automation.due",
    "automation.housekeeping",
    "automation.later",
    "automation.nudges",
    "automation.silence",
    "channels",
    "composing",
    "desk",
    "enclosures",
    "erasure",
    "filing",
    "floods",
    "guard.checking",
    "guard.familiar",
    "guard.lessons",
    "guard.release",
    "guard.returned",
    "health",
    "holding",
    "home",
    "instep",
    "jobs",
    "joining",
    "ledger",
    "mailboxes",
    "metrics",
    "moving",
    "notices",
    "numbers.gathering",
    "numbers.picture",
    "numbers.summary",
    "originals",
    "outbox",
    "parts",
    "post",
    "proposals",
    "reception",
    "regroup",
    "resurfacing",
    "routing.rulebook",
    "routing.ruledmail",
    "routing.ruling",
    "routing.sheet",
    "routing.sorting",
    "routing.tryout",
    "routing.webhooks",
    "secondlook",
    "setbacks",
    "settling",
    "sharing",
    "show",
    "spoken",
    "teammates",
    "undone",
    "watches",
    "where",
    "writing",
}

COMMANDS = {
    "commands.backfill",
    "commands.check",
    "commands.init",
    "commands.login",
    "commands.mail",
    "commands.mcp",
    "commands.personal",
    "commands.programs",
    "commands.replay",
    "commands.scripts",
}

MAY_IMPORT: dict[str, set[str]] = {
    # Who stands where, and what it may know of. The package's own version is everyone's.
    **{room: set() for room in ROOMS},
    "errors": set(),
    "model": set(),
    "logs": set(),
    "clockwork": {"errors", "sentences"},
    "settings.providers": {"errors", "model", "sentences"},
    "sentences": {"sentences"},
    "templates": {"automation.hours", "errors", "languages", "model", "sentences"},
    "languages": set(),
    "canned": {"errors", "languages", "model", "sentences", "templates"},
    "settings.values": set(),
    "automation.hours": set(),
    "settings.times": {"errors", "automation.hours", "templates", "settings.values"},
    "routing.matching": {"errors", "model"},
    "settings.rules": {"errors", "model", "routing.matching", "settings.values"},
    "settings.near": set(),
    "settings.models": {
        "errors",
        "model",
        "settings.near",
        "settings.providers",
        "settings.rules",
        "sentences",
        "settings.weekly",
        "templates",
        "settings.times",
        "settings.values",
    },
    "settings.layers": {"errors", "model"},
    "numbers.figures": {"model"},
    "limits": set(),
    "settings.weekly": {"settings.values"},
    "commands.untrusted": set(),
    "config": {
        "errors",
        "model",
        "settings.near",
        "settings.providers",
        "settings.rules",
        "settings.models",
        "settings.weekly",
        "settings.layers",
        "settings.times",
    },
    "rules": {"errors", "model", "sentences", "settings.providers"},
    "lookup": {"errors", "model", "sentences"},
    "guard.undelivered": {"model", "sentences"},
    "store": BASE | {"store"},
    "mail": BASE | {"mail"},
    "slack": BASE | {"slack"},
    **dict.fromkeys(DESK, BASE | WORLDS | DESK),
    "app": BASE | WORLDS | DESK,
    "routing.rulecheck": BASE | WORLDS,
    "commands.check": BASE | WORLDS | {"accounts", "mailboxes", "health", "desk", "ledger", "routing.rulecheck"},
    "commands.init": BASE | WORLDS,
    "commands.scripts": BASE | WORLDS | DESK,
    "commands.backfill": BASE | WORLDS | DESK | {"commands.scripts"},
    "commands.mail": BASE | {"commands.scripts"},
    "commands.replay": BASE | WORLDS | DESK | {"app"},
    "commands.personal": BASE | WORLDS | DESK | {"commands.scripts"},
    "commands.mcp": BASE | WORLDS | DESK,
    "commands.programs": BASE | WORLDS | DESK | {"commands.mcp", "stopping"},
    "commands.login": BASE | WORLDS | {"accounts", "commands.check"},
    "demo": BASE | WORLDS | DESK | {"app", "demo"},
    "stopping": set(),
    "bench": BASE | WORLDS | DESK | {"app", "demo", "bench", "stopping"},
    "cli": BASE | WORLDS | DESK | COMMANDS | {"app", "demo", "bench", "stopping"},
    "__main__": {"cli"},
}
CALL_THE_DESK = {
    "slack.administering",
    "slack.aside",
    "slack.acting",
    "slack.composer",
    "slack.decisions",
    "slack.events",
    "slack.heard",
    "slack.homes",
    "slack.listeners",
    "slack.releasing",
    "slack.rulings",
    "slack.searching",
    "slack.typed",
}
"""Talkers whose callbacks end in a verb of the desk: the only way back up."""

TALKERS = {
    "mail": {
        "filters",
        "imap",
        "local",
        "maildir",
        "maildirfiles",
        "maildirsource",
        "oauth",
        "sent",
        "smtp",
        "smtpsession",
        "trust",
        "uidlist",
    },
    "slack": {
        "administering",
        "aside",
        "composer",
        "decisions",
        "acting",
        "bolt",
        "directory",
        "events",
        "faults",
        "files",
        "gateway",
        "heard",
        "homes",
        "listeners",
        "releasing",
        "pacing",
        "requests",
        "rulings",
        "searching",
        "socket",
        "strays",
        "turns",
        "typed",
        "web",
        "windows",
    },
}
"""The modules of an outside world that talk to it, or are part of doing so; all its others are pure."""

TALKS = {
    "asyncio",
    "aiohttp",
    "aiosmtplib",
    "aiosmtpd",
    "imapclient",
    "slack_bolt",
    "slack_sdk",
    "socket",
    "ssl",
    "sqlalchemy",
}

ONLY_IN: dict[str, tuple[str, ...]] = {
    "slack_sdk": ("slack", "app"),
    "slack_bolt": ("slack", "app"),
    "sqlalchemy": ("store",),
    "alembic": ("store",),
    "aiosqlite": ("store",),
    "asyncpg": ("store",),
    "sqlite3": ("store",),
    "imapclient": ("mail",),
    "imaplib": ("mail",),
    "aiosmtplib": ("mail", "demo"),
    "smtplib": ("mail",),
    "aiosmtpd": ("mail", "demo"),
    "babel": ("sentences",),
    "prometheus_client": ("metrics",),
    "mcp": ("commands.mcp",),
    "PIL": ("numbers.picture",),
    "typer": ("cli", "commands.mail", "commands.programs", "commands.init", "bench"),
}

CONNECTION = "sqlalchemy.ext.asyncio.AsyncConnection"
"""A transaction's type, which the desk hands on from one question of the store to the next, and asks nothing of."""

SQL = re.compile(r"\s*(SELECT\s.+\sFROM|INSERT INTO|UPDATE\s\w+\sSET|DELETE FROM|CREATE TABLE)\b")

LONG: dict[str, str] = {
    "model.py": "the nouns, all in one place: whoever looks for a word finds it here",
    "store/schema.py": "the tables, all in one place: whoever looks for a column finds it here",
}
"""Modules of over 400 lines, by their path in the package, and why each is one idea all the same."""


def part_of(name: str) -> str:
    """The outside world that a module belongs to, else the module itself, without "bridge."."""
    names = name.split(".")
    return ".".join(names[: 2 if names[0] in ROOMS else 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    name: str  # without "bridge."
    file: Path
    tree: ast.Module

    @property
    def part(self) -> str:
        return part_of(self.name)

    def imports(self) -> Iterator[str]:
        """Every module imported anywhere in it; `from bridge import x` counts as `bridge.x`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                yield from (f"{base}.{alias.name}" for alias in node.names)


def modules() -> list[Module]:
    found = []
    for file in sorted(ROOT.rglob("*.py")):
        path = file.relative_to(ROOT).with_suffix("")
        name = ".".join(path.parts).removesuffix(".__init__")
        if name != "__init__":
            found.append(Module(name=name, file=file, tree=ast.parse(file.read_text("utf-8"))))
    return found


MODULES = modules()
every_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)


@every_module
def test_imports_run_one_way(module: Module) -> None:
    assert module.part in MAY_IMPORT, "a new part: say in MAY_IMPORT where it stands"
    allowed = MAY_IMPORT[module.part] | (DESK if module.name in CALL_THE_DESK else set())
    for name in module.imports():
        top, _, rest = name.partition(".")
        if top == "bridge" and rest != "__version__":
            assert part_of(rest) in allowed, f"{module.name} may not know of {name}"


@every_module
def test_each_library_is_known_to_one_part(module: Module) -> None:
    for name in set(module.imports()) - {CONNECTION}:
        parts = ONLY_IN.get(name.split(".")[0])
        assert parts is None or module.part in parts, f"{name} belongs to {parts}"


@every_module
def test_pure_parts_talk_to_nobody(module: Module) -> None:
    """What only reads and writes values can be tested, and trusted, without a server."""
    world, _, rest = module.name.partition(".")
    if not rest or world not in TALKERS or rest.split(".")[0] in TALKERS[world]:
        return
    for name in module.imports():
        top, *deeper = name.split(".")
        assert top not in TALKS, f"{module.name} is pure and may not import {name}"
        assert top != "bridge" or not TALKERS[world].intersection(deeper[1:2]), (
            f"{module.name} is pure and {name} is not"
        )


@every_module
def test_sql_is_written_in_the_store_alone(module: Module) -> None:
    if module.part == "store":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not SQL.match(node.value)
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"execute", "exec_driver_sql", "scalar", "scalars"}


@every_module
def test_the_desk_posts_where_it_has_looked_who_reads_along(module: Module) -> None:
    """A channel may come to be shared with another organisation: `bridge/channels.py` asks before anything stands there."""
    if module.part in {"channels", "slack"}:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in {"post", "update", "share_files"}:
            of = node.value
            assert not (isinstance(of, ast.Attribute | ast.Name) and ast.unparse(of).endswith("gateway"))


def test_a_long_module_says_why_it_is_one_idea() -> None:
    lines = {str(module.file.relative_to(ROOT)): len(module.file.read_text("utf-8").splitlines()) for module in MODULES}
    long = {name for name, count in lines.items() if count > 400}
    assert long == LONG.keys()


@every_module
def test_a_module_says_its_duty(module: Module) -> None:
    docstring = ast.get_docstring(module.tree)
    assert docstring
    assert docstring.split("\n\n")[0].rstrip().endswith((".", ":", ")"))


IMPORT_ALL = r"""
import importlib, json, re, sys, sysconfig, threading
import asyncio
names = json.loads(sys.argv[1])
libraries = tuple({sysconfig.get_path(one) for one in ("stdlib", "platstdlib", "purelib", "platlib")})
import aiohttp, aiosmtpd, prometheus_client, pydantic, slack_bolt.async_app, sqlalchemy.ext.asyncio, structlog, typer  # theirs is not ours
seen = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[0] not in sys.path:
        # Reading source is what an import is; a compiled copy may be written beside it.
        if not re.search(r"[.](py|pyc|so)([.][0-9]+)?$", arguments[0]) and not arguments[0].startswith(libraries):
            seen.append(f"{event} {arguments[0]}")
    elif event in ("socket.bind", "socket.connect", "subprocess.Popen", "_thread.start_new_thread", "sqlite3.connect"):
        seen.append(event)
asyncio.base_events.BaseEventLoop.__init__ = lambda *_: seen.append("event loop")
sys.addaudithook(watch)
for name in names:
    importlib.import_module(name)
json.dump({"seen": seen, "threads": threading.active_count()}, sys.stdout)
"""


def test_nothing_happens_at_import() -> None:
    """Importing every module starts no thread and no loop, opens no file and no connection."""
    names = [f"bridge.{module.name}" for module in MODULES if not module.name.endswith(("__main__", "migrations.env"))]
    names = [name for name in names if ".versions." not in name]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, json.dumps(names)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT.parent,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"seen": [], "threads": 1}
