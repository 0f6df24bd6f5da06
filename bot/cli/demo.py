"""`threadline demo`: runs a bot on loopback, where two people may do everything, with the requested agent."""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

import click

from bot.cli.init import config_template as first_config
from bot.config.presets import PRESETS
from bot.config.toml_writer import toml_string

from .common import fail

SCRIPTED = (sys.executable, "-m", "loopback.agent")


class NoAgent(Exception):
    """No usable agent: the text says which were tried, or what is wrong with the command."""


@click.command()
@click.option("--once", is_flag=True, help="Play the conversation, check that it went right, and end.")
@click.option("--agent", default="", metavar="COMMAND", help="Use this ACP agent, or `auto`: the first one found.")
def demo(*, once: bool, agent: str) -> None:
    """See it work on this machine: no token, no network."""
    from loopback.demo import DemoLab, demo  # noqa: PLC0415 - describing the command needs no server
    from loopback.harness import configuration, ids  # noqa: PLC0415 - the same

    try:
        chosen = agent_lines(agent)
    except NoAgent as error:
        fail(str(error), 2)

    def bot(stage: DemoLab) -> list[str]:
        path = stage.workdir / "threadline.toml"
        access = {"guilds": ids(stage.guild), "users": ids(*stage.people)}
        agent_table = "\n".join(chosen)
        text = configuration(stage, stage.workdir, agent_table, access=access, channels=[stage.billing])
        path.write_text(text, "utf-8")
        return [sys.executable, "-m", "bot", "run", "-c", str(path)]

    with tempfile.TemporaryDirectory(prefix="threadline-demo-") as folder:
        os.environ["XDG_STATE_HOME"] = folder  # The bot is the same user in every demo, and would share one lock.
        work = demo(bot=bot, once=once, scripted=not agent, out=sys.stdout, workdir=Path(folder))
        raise SystemExit(asyncio.run(work))


def agent_lines(choice: str) -> list[str]:
    """Return the configuration's lines for an agent. Raises `NoAgent`.

    `choice` is a command, "auto" for the first known agent on PATH, or empty for the scripted agent.
    """
    if choice == "auto":
        for name, preset in PRESETS.items():
            if shutil.which(preset.command):
                return [f"preset = {toml_string(name)}"]
        raise NoAgent(f"none of these agents was found on PATH: {', '.join(sorted(PRESETS))}")
    try:
        chosen = first_config.split_command(choice) if choice else SCRIPTED
    except ValueError as error:
        raise NoAgent(f"--agent: {error} in {choice!r}") from None
    known = PRESETS.get(chosen[0]) or next((each for each in PRESETS.values() if each.command == chosen[0]), None)
    command = known.command if known is not None else chosen[0]
    if shutil.which(command) is None:
        advice = f". To install it: {known.install}" if known is not None else "; is it installed?"
        raise NoAgent(f"the command {command!r} was not found{advice}")
    return first_config.agent_lines(chosen)
