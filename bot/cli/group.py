"""The command line. Exit codes: 0 success, 2 a person has to act, 1 any other failure."""

import sys
from importlib import import_module
from typing import ClassVar

import acp

from .texts import failures, options

if not getattr(acp, "THREADLINE", False):
    print("threadline:", failures.FOREIGN_ACP.format(file=acp.__file__), file=sys.stderr)  # noqa: T201 - no click yet
    sys.exit(2)

import click


class Commands(click.Group):
    """The commands; each is imported when it is needed.

    The Discord library alone takes half of the import time, and few commands need it.
    """

    MODULES: ClassVar = {
        "check": "check",
        "demo": "demo",
        "doctor": "agent_commands",
        "init": "init.wizard",
        "login": "agent_commands",
        "migrate": "migrate",
        "report": "report",
        "run": "run",
        "runner": "runner",
        "service": "service_unit",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click asks so
        """Return all names."""
        return [*self.MODULES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click asks so
        """Import and return the command of that name."""
        if cmd_name not in self.MODULES:
            return None
        command: click.Command = getattr(import_module(f".{self.MODULES[cmd_name]}", __package__), cmd_name)
        return command


@click.group(cls=Commands, help=options.PROGRAM, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="threadline", prog_name="threadline")
def main() -> None:
    """Run the command that the arguments name."""
