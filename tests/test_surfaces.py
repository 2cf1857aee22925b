"""What Slack is given is what Slack takes: by its limits, and by the types that it publishes for JavaScript."""

import asyncio
import json
import os
import random
from pathlib import Path

import pytest
from onstage import marked
from surfaces import messages, views

from bridge.demo.double.blockkit import check_message_blocks, check_view

SEED = int(os.environ.get("BRIDGE_SEED") or 20260301)
TEXT_MOST = 4000  # characters of a message's text that chat.update takes
ANSWER_MOST = 40_000  # characters of a command's answer, which is never updated
TYPED = 40  # conversations whose payloads are checked by the types: each makes about twenty-five


def check(conversations: range) -> None:
    """Every message and view of these generated conversations is within the limits."""
    for one in conversations:
        dice = random.Random(f"{SEED}:{one}")
        for name, message in messages(dice):
            told = f"BRIDGE_SEED={SEED}, conversation {one}: {name}"
            assert check_message_blocks(message.get("blocks", [])) == [], told
            assert 0 < len(message["text"]) <= (ANSWER_MOST if "response_type" in message else TEXT_MOST), told
            assert not any("<!channel" in words for words in (message["text"], *marked(message))), told
        for name, view in views(dice):
            assert check_view(view) == [], f"BRIDGE_SEED={SEED}, conversation {one}: {name}"


def test_every_surface_of_a_few_hundred_conversations_is_within_the_limits() -> None:
    check(range(200))


@pytest.mark.storm
@pytest.mark.timeout(600)
@pytest.mark.parametrize("quarter", range(4))
def test_every_surface_of_ten_thousand_conversations_is_within_the_limits(quarter: int) -> None:
    check(range(quarter * 2500, (quarter + 1) * 2500))


@pytest.fixture
def node_modules() -> Path:
    """Where the npm packages `typescript` and `@slack/types` are; `.ci/run` installs them."""
    folder = os.environ.get("BRIDGE_NODE_MODULES", "")
    if folder and (Path(folder) / "@slack" / "types").is_dir():
        return Path(folder)
    if os.environ.get("CI") == "true":
        pytest.fail("@slack/types is not installed, and CI must check by it")
    pytest.skip("payloads are NOT type-checked: npm install typescript @slack/types, BRIDGE_NODE_MODULES=that folder")


async def type_errors(folder: Path, node_modules: Path, source: str) -> str:
    """What the compiler complains of in this TypeScript; nothing where it takes it."""
    (folder / "node_modules").symlink_to(node_modules)
    (folder / "payloads.ts").write_text(source, encoding="utf-8")
    compiler = await asyncio.create_subprocess_exec(
        str(node_modules / ".bin" / "tsc"),
        *("--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022", "payloads.ts"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await compiler.communicate()
    return said.decode() if compiler.returncode else ""


async def test_every_payload_is_of_the_types_that_slack_publishes(tmp_path: Path, node_modules: Path) -> None:
    lines = ['import type { HomeView, KnownBlock, ModalView } from "@slack/types";']
    for one in range(TYPED):
        dice = random.Random(f"{SEED}:{one}")
        for name, message in messages(dice):
            blocks = json.dumps(message.get("blocks", []))
            lines.append(f"export const m{len(lines)}: KnownBlock[] = {blocks}; // {name}")
        for name, view in views(dice):
            kind = "HomeView" if view["type"] == "home" else "ModalView"
            lines.append(f"export const v{len(lines)}: {kind} = {json.dumps(view)}; // {name}")
    assert not await type_errors(tmp_path, node_modules, "\n".join(lines))


async def test_a_payload_that_is_none_is_noticed(tmp_path: Path, node_modules: Path) -> None:
    """The control: the compiler sees what is wrong."""
    wrong = 'import type { KnownBlock } from "@slack/types";\nexport const m: KnownBlock[] = [{"type": "section"}, {}];'
    assert "error TS" in await type_errors(tmp_path, node_modules, wrong)
