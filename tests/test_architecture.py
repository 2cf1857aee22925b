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
    "errors",
    "model",
    "canned",
    "clockwork",
    "config",
    "hours",
    "languages",
    "layers",
    "figures",
    "limits",
    "lookup",
    "near",
    "providers",
    "settings",
    "rules",
    "routing",
    "rulesettings",
    "values",
    "logs",
    "sentences",
    "summarysettings",
    "templates",
    "timesettings",
    "untrusted",
    "undelivered",
}
WORLDS = {"store", "mail", "slack"}
DESK = {
    "accounts",
    "acknowledge",
    "addressees",
    "admins",
    "agents",
    "alarms",
    "answers",
    "as_read",
    "canary",
    "byitself",
    "channels",
    "checking",
    "desk",
    "due",
    "enclosures",
    "erasure",
    "familiar",
    "filing",
    "floods",
    "home",
    "health",
    "housekeeping",
    "instep",
    "jobs",
    "joining",
    "later",
    "ledger",
    "lessons",
    "mailboxes",
    "metrics",
    "notices",
    "nudges",
    "numbers",
    "originals",
    "outbox",
    "parts",
    "picture",
    "post",
    "proposals",
    "reception",
    "regroup",
    "release",
    "resurfacing",
    "returned",
    "rulebook",
    "ruledmail",
    "ruling",
    "secondlook",
    "settling",
    "sharing",
    "sheet",
    "show",
    "silence",
    "sorting",
    "spoken",
    "summary",
    "teammates",
    "tryout",
    "watches",
    "webhooks",
    "where",
    "writing",
}

COMMANDS = {"backfill", "check", "commands", "init", "login", "mcp", "personal", "programs", "replay", "scripts"}

MAY_IMPORT: dict[str, set[str]] = {
    # Who stands where, and what it may know of. The package's own version is everyone's.
    "errors": set(),
    "model": set(),
    "logs": set(),
    "clockwork": {"errors", "sentences"},
    "providers": {"errors", "model", "sentences"},
    "sentences": {"sentences"},
    "templates": {"errors", "model", "sentences"},
    "languages": set(),
    "canned": {"errors", "languages", "model", "sentences", "templates"},
    "values": set(),
    "hours": set(),
    "timesettings": {"errors", "hours", "templates", "values"},
    "routing": {"errors", "model"},
    "rulesettings": {"errors", "model", "routing", "values"},
    "near": set(),
    "settings": {
        "errors",
        "model",
        "near",
        "providers",
        "rulesettings",
        "sentences",
        "summarysettings",
        "templates",
        "timesettings",
        "values",
    },
    "layers": {"errors", "model"},
    "figures": {"model"},
    "limits": set(),
    "summarysettings": {"values"},
    "untrusted": set(),
    "config": {
        "errors",
        "model",
        "near",
        "providers",
        "rulesettings",
        "settings",
        "summarysettings",
        "layers",
        "timesettings",
    },
    "rules": {"errors", "model", "sentences"},
    "lookup": {"errors", "model", "sentences"},
    "undelivered": {"model", "sentences"},
    "store": BASE | {"store"},
    "mail": BASE | {"mail"},
    "slack": BASE | {"slack"},
    **dict.fromkeys(DESK, BASE | WORLDS | DESK),
    "app": BASE | WORLDS | DESK,
    "rulecheck": BASE | WORLDS,
    "check": BASE | WORLDS | {"accounts", "mailboxes", "health", "desk", "ledger", "rulecheck"},
    "init": BASE | WORLDS,
    "scripts": BASE | WORLDS | DESK,
    "backfill": BASE | WORLDS | DESK | {"scripts"},
    "commands": BASE | {"scripts"},
    "replay": BASE | WORLDS | DESK | {"app"},
    "personal": BASE | WORLDS | DESK | {"scripts"},
    "mcp": BASE | WORLDS | DESK,
    "programs": BASE | WORLDS | DESK | {"mcp", "stopping"},
    "login": BASE | WORLDS | {"accounts", "check"},
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
    "mcp": ("mcp",),
    "PIL": ("picture",),
    "typer": ("cli", "commands", "programs", "init", "bench"),
}

CONNECTION = "sqlalchemy.ext.asyncio.AsyncConnection"
"""A transaction's type, which the desk hands on from one question of the store to the next, and asks nothing of."""

SQL = re.compile(r"\s*(SELECT\s.+\sFROM|INSERT INTO|UPDATE\s\w+\sSET|DELETE FROM|CREATE TABLE)\b")

LONG: dict[str, str] = {
    "model.py": "the nouns, all in one place: whoever looks for a word finds it here",
    "store/schema.py": "the tables, all in one place: whoever looks for a column finds it here",
}
"""Modules of over 400 lines, by their path in the package, and why each is one idea all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    name: str  # without "bridge."
    file: Path
    tree: ast.Module

    @property
    def part(self) -> str:
        return self.name.split(".")[0]

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
            assert rest.split(".")[0] in allowed, f"{module.name} may not know of {name}"


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
