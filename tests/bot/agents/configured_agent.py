"""A configuration with one agent, and a command that runs on a terminal."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

TOKEN = "MTIz.secret.value"
ODD = Path(__file__).parents[2] / "peers/odd_agent.py"
BOUND = 90.0
"""Seconds before a command counts as hanging."""


def configured(folder: Path, agent: str) -> Path:
    """Write a configuration with these lines about its agent, whose directory is `project`."""
    (folder / "project").mkdir(exist_ok=True)
    path = folder / "threadline.toml"
    path.write_text(f'[discord]\ntoken = "${{DISCORD_TOKEN}}"\n[agents.default]\ncwd = "project"\n{agent}\n')
    return path


def running(folder: Path, *args: object, command: object = sys.executable, more: str = "") -> Path:
    """Write a configuration whose agent is this command."""
    return configured(folder, f'command = "{command}"\nargs = {json.dumps([str(each) for each in args])}\n{more}')


def odd(folder: Path, *words: str, more: str = "") -> Path:
    """Write a configuration with the odd agent, which does what these words name."""
    return running(folder, ODD, *words, more=more)


def on_terminal(argv: Sequence[str], folder: Path, env: Mapping[str, str], typed: bytes = b"") -> tuple[str, int]:
    """Run a command on a terminal of its own; return its output and exit code."""
    master, slave = pty.openpty()
    shown = b""
    with subprocess.Popen(argv, cwd=folder, env=env, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        os.write(master, typed)
        try:
            while piece := os.read(master, 4096):
                shown += piece
        except OSError:
            pass  # Linux reports a terminal without a writer this way.
        code = process.wait(BOUND)
    os.close(master)
    return shown.decode(), code
