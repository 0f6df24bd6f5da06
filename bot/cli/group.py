"""The command line. Exit codes: 0 success, 2 a person has to act, 1 any other failure."""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import click

from .lean_imports import import_lean
from .texts import failures, options

MARK = "\nTHREADLINE = True\n"
"""What only our package `acp` says. It is read, not imported, which would take most of the time of `--help`."""

_acp = find_spec("acp")
if _acp is None or _acp.origin is None or MARK not in Path(_acp.origin).read_text("utf-8"):
    file = _acp.origin if _acp is not None else None
    print("threadline:", failures.FOREIGN_ACP.format(file=file), file=sys.stderr)  # noqa: T201 - no command yet
    sys.exit(2)


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
        import_lean()
        command: click.Command = getattr(import_module(f".{self.MODULES[cmd_name]}", __package__), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by their help texts, and import none of them."""
        described = [click.Command(name, help=getattr(options, name.upper())) for name in self.MODULES]
        click.Group(commands=described).format_commands(ctx, formatter)


@click.group(cls=Commands, help=options.PROGRAM, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="threadline", prog_name="threadline")
def main() -> None:
    """Run the command that the arguments name."""
