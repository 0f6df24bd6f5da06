"""`threadline demo`: runs a bot on loopback, where two people may do everything, with the requested agent."""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

import click

from bot.cli.init import config_template as first_config
from bot.config.mistakes import closest
from bot.config.presets import PRESETS
from bot.config.toml_writer import toml_string

from .common import fail
from .texts import failures, options

SCRIPTED = (sys.executable, "-m", "loopback.agent")


class NoAgent(Exception):
    """No usable agent: the text says which were tried, or what is wrong with the command."""


@click.command(help=options.DEMO)
@click.option("--once", is_flag=True, help=options.ONCE)
@click.option("--agent", default="", metavar="COMMAND", help=options.DEMO_AGENT)
def demo(*, once: bool, agent: str) -> None:
    """Run the demo until it is over."""
    from loopback.demo import DemoLab, demo  # noqa: PLC0415 - describing the command needs no server
    from loopback.harness import configuration, ids  # noqa: PLC0415 - the same

    try:
        chosen = agent_lines(agent)
    except NoAgent as error:
        fail(failures.bad_flag("--agent", error), 2)

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
        raise NoAgent(failures.no_agent_installed(PRESETS))
    try:
        chosen = first_config.split_command(choice) if choice else SCRIPTED
    except ValueError as error:
        raise NoAgent(failures.bad_agent(error, choice)) from None
    known = PRESETS.get(chosen[0]) or next((each for each in PRESETS.values() if each.command == chosen[0]), None)
    command = known.command if known is not None else chosen[0]
    if shutil.which(command) is None:
        if known is not None:
            raise NoAgent(failures.agent_not_installed(command, known.install))
        raise NoAgent(failures.agent_not_found(command, closest(command, PRESETS), PRESETS))
    return first_config.agent_lines(chosen)
