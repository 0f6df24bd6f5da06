"""The shell blocks of the documents run, and each command that a sentence names exists."""

import asyncio
import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from bot.cli.group import main
from loopback import Loopback
from loopback.harness import Lab
from tests.bot.cli.test_migrate import EXAMPLE
from tests.e2e.live_bot import SCRIPTED, TOKEN
from tests.loopback.openapi import strictly
from tests.support.docs_pages import ROOT, blocks, spans
from tests.support.fake_program import PARTS, accepts
from tests.support.user_messages import modules, texts

_CONTEXT = click.Context(main)
COMMANDS = {name: found for name in main.list_commands(_CONTEXT) if (found := main.get_command(_CONTEXT, name))}

BOUND = 60.0
"""Seconds before a block counts as hanging."""

REAL = {name: shutil.which(name) for name in ("make", "mkdir", "sqlite3")}
"""Programs of the machine that the blocks use as they are, but that make only says what it would do."""


def quoted(*words: str | Path) -> str:
    """Quote words for a shell."""
    return shlex.join(map(str, words))


def place(folder: Path, discord: Loopback, block: str) -> dict[str, str]:
    """Lay out a checkout as a reader has it by then; return the environment, whose PATH has only these programs."""
    for each in ROOT.iterdir():
        if each.name not in {".venv", "build"}:
            (folder / each.name).symlink_to(each)
    home, programs = folder / "home", folder / ".venv/bin"
    home.mkdir()
    programs.mkdir(parents=True)
    endpoint = ["--endpoint", discord.endpoint] if "threadline init" in block else []
    lines = {
        "threadline": f'{quoted(sys.executable, "-m", "bot")} "$@" {quoted(*endpoint)}',
        "claude-agent-acp": f'[ "$1" = --cli ] || exec {quoted(*SCRIPTED)}',
        **{name: f'{quoted(sys.executable, ROOT / "tests/support/fake_program.py", name)} "$@"' for name in PARTS},
        **{name: f'{quoted(path)} "$@"' for name, path in REAL.items() if path},
        "make": f'{quoted(REAL["make"] or "make", "-n", "-C", ROOT)} "$@"',
    }
    for name, line in lines.items():
        (programs / name).write_text(f"#!/bin/sh\n{line if '||' in line else f'exec {line}'}\n")
        (programs / name).chmod(0o700)
    (folder / "project").mkdir()
    (folder / "token.txt").write_text(TOKEN)
    (folder / "config.toml").write_text(EXAMPLE.replace("PROJECT", str(folder / "project")))
    kept = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
    return {**kept, "PATH": str(programs), "HOME": str(home), "XDG_STATE_HOME": str(home), "DISCORD_TOKEN": TOKEN}


def configured(folder: Path, discord: Loopback, channel_id: int) -> None:
    """Write what `init` would have written."""
    (folder / "threadline.env").write_text(f"DISCORD_TOKEN={TOKEN}\n")
    (folder / "threadline.env").chmod(0o600)
    (folder / "threadline.toml").write_text(
        f"""\
[discord]
token = "${{DISCORD_TOKEN}}"
endpoint = "{discord.endpoint}"
[access]
channels = ["{channel_id}"]
[agents.default]
preset = "claude"
cwd = "project"
[journal]
path = "threadline.db"
"""
    )


@pytest.mark.parametrize("block", blocks("sh"))
async def test_a_piece_of_shell_in_the_documents_works(block: str, tmp_path: Path) -> None:
    """Each line succeeds, in a clean home, against loopback; unexpected programs are not found."""
    for name, path in REAL.items():
        if path is None and re.search(rf"^{name}\b", block, re.MULTILINE):
            pytest.skip(f"there is no {name} here")
    async with Loopback(strict=strictly()) as discord:
        lab = Lab.furnish(discord, "ann", token=TOKEN)
        environ = place(tmp_path, discord, block)
        if "threadline init" not in block and "threadline migrate" not in block:
            configured(tmp_path, discord, lab.channel.id)
        process = await asyncio.create_subprocess_exec(
            *("/bin/bash", "-e", "-o", "pipefail", "-c", block.replace("123456789012345678", str(lab.channel.id))),
            cwd=tmp_path,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(BOUND):
                if "threadline run" in block:
                    await discord.connected(lab.bot)
                    os.killpg(process.pid, signal.SIGTERM)
                said, _ = await process.communicate()
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, said.decode()


@pytest.mark.parametrize(
    "line",
    ["docker compose -f deploy/none.yaml up --detach", "pipx instal .", "systemctl --user enable --now another"],
)
def test_a_line_of_another_program_is_accepted_only_as_it_is_known(line: str) -> None:
    """A wrong word or a missing file is refused."""
    program, *arguments = line.split()
    assert not accepts(program, arguments)


# ---- in sentences


def commands(text: str) -> list[list[str]]:
    """Return the command lines in a piece of code or a text: the words from the command on."""
    found = re.findall(r"(?<![@./\w])(?:\.venv/bin/)?threadline ([a-z]+\b(?!:)[^;,|`>()\n]*)", text)
    return [shlex.split(line) for line in found]


def test_every_command_in_a_sentence_exists_and_none_is_missing() -> None:
    """With its options and the types of their values; each command is mentioned."""
    spelled = (span for span in spans() if re.fullmatch(r"(?:\.venv/bin/)?threadline .*", span))
    told = [line for span in spelled for line in commands(span)]
    for name, *arguments in told:
        filled = ["123456789012345678" if each == "CHANNEL" else each for each in arguments]
        try:
            COMMANDS[name].make_context(name, filled)
        except click.MissingParameter:
            assert not arguments, name  # The command is named, not called.
        except (KeyError, click.UsageError) as error:
            pytest.fail(f"threadline {shlex.join([name, *arguments])}: {error!r}")
    assert {name for name, *_ in told} == set(COMMANDS)


def test_what_the_program_tells_people_to_type_exists() -> None:
    """Its own texts, too, name only existing commands and options."""
    for text in (text for tree in modules().values() for text in texts(tree)):
        for name, *arguments in commands(text):
            assert name in COMMANDS, text
            known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
            assert {each for each in arguments if each.startswith("-")} <= known, text


def test_every_module_in_the_documents_can_be_run() -> None:
    """`python -m NAME` finds it."""
    for name in {found for span in spans() for found in re.findall(r"\bpython -m ([a-z_.]+)", span)}:
        assert importlib.util.find_spec(name) is not None, name


def test_every_make_target_in_the_documents_exists() -> None:
    """`make -n` accepts it, with the variables behind it."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    lines = {span for span in spans() if re.fullmatch(r"make [a-z].*", span)}
    assert {"make demo", "make test", "make demo ONCE=1"} <= lines
    for line in sorted(lines):
        program, *arguments = shlex.split(line)
        command = [program, "-n", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=BOUND, check=False
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
