"""`/diff` for an agent in a sandbox: git sees what the agent sees, since the agent can put links in its way."""

import os
import shutil
from pathlib import Path

import pytest

from acp.process.sandbox import ENGINE, Sandbox
from bot.commands.git_changes import read_changes

from .test_git_safety import SECRET, git, made

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.skipif(shutil.which(ENGINE) is None, reason="bubblewrap is not installed"),
]


def view(*directories: Path) -> Sandbox:
    """Return the sandbox for an agent that works in these directories."""
    return Sandbox(network="none", readable=directories)


async def test_git_reads_nothing_that_its_agent_could_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever becomes a link between two of its steps. Here git itself goes astray, at each comparison."""
    here, outside, installed = made(tmp_path / "here", "one"), tmp_path / "outside", shutil.which("git")
    outside.write_text(f"{SECRET}\n")
    program = tmp_path / "tools" / "git"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncase "$*" in *--binary*) cat {outside};; esac\nexec {installed} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    (here / "a").write_text("two\n")
    assert SECRET in (await read_changes(here, [here])).patch.decode()
    patch = (await read_changes(here, [here], view(here))).patch.decode()
    assert "+two" in patch
    assert SECRET not in patch


async def test_the_changes_are_the_same_in_a_sandbox(tmp_path: Path) -> None:
    """In a repository, below its top, and in a linked worktree whose repository is out of the agent's sight."""
    main = made(tmp_path / "main", "one")
    (main / "sub").mkdir()
    (main / "sub" / "new").write_text("below\n")
    (main / "sub" / "built").write_text("left out\n")
    (main / ".gitignore").write_text("built\n")
    linked = tmp_path / "linked"
    git("worktree", "add", "--quiet", str(linked), at=main)
    (linked / "a").write_text("two\n")
    for directory, text in ((main, "below"), (main / "sub", "below"), (linked, "two")):
        plain = await read_changes(directory, [directory])
        assert f"+{text}".encode() in plain.patch
        assert b"left out" not in plain.patch
        assert await read_changes(directory, [directory], view(directory)) == plain
