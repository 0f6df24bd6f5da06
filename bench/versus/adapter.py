"""What an adapter is: it gets the place where its bot works, and returns the command that starts the bot there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from bench.versus.preloads import redirected_command

VARIABLE: Final = "THREADLINE_VERSUS_"
"""How the environment variables begin that tell every bot the fields of its `Workplace`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workplace:
    """Where a bot works in one scene, and with what. All ids are Discord's."""

    endpoint: str
    """Loopback's address: REST below `{endpoint}/api/v10`, the gateway at `/gateway/`."""
    token: str
    """The bot's token."""
    bot: str
    """The id of the bot's user."""
    application: str
    guild: str
    channel: str
    """The id of the text channel where people talk to the bot."""
    person: str
    """The id of the person who talks to it, and who owns its application."""
    agent: str
    """The path of a program that speaks ACP on stdin and stdout. It needs no arguments and no environment."""
    project: str
    """The path of the directory in which the agent works."""
    folder: str
    """The path of a directory for the bot's own files, empty at first and kept over restarts in a scene."""
    threads: int
    """How many threads a scene has at work at once."""

    def filled(self, text: str) -> str:
        """Return the text with each `{field}` replaced by this field's value. Other braces stay."""
        for name, value in asdict(self).items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def environment(self) -> dict[str, str]:
        """Return the fields as environment variables: `THREADLINE_VERSUS_ENDPOINT` and so on."""
        return {f"{VARIABLE}{name.upper()}": str(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Launch:
    """A command line, and variables that are added to the environment and to those of the workplace."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


class NotInstalled(Exception):
    """The bot is not on this machine. The text says what was looked for."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A bot by name.

    `launch` is called once a scene, before the bot's first start. It may write files below the workplace's `folder`,
    and raises `NotInstalled`. A restart in the scene runs the same command again.
    """

    name: str
    launch: Callable[[Workplace], Launch]


def for_command(command: Sequence[str]) -> Adapter:
    """Return the adapter for a bot that needs no files: its command line, with placeholders.

    A bot that knows only Discord's own address calls loopback all the same, see `bench.versus.preloads`.
    """

    def launch(workplace: Workplace) -> Launch:
        argv = [workplace.filled(word) for word in command]
        return Launch(*redirected_command(argv, workplace.endpoint, Path(workplace.folder)))

    return Adapter(Path(command[0]).name, launch)
