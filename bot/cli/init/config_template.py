"""The configuration that `threadline init` writes: the operator's choices, and comments on likely changes."""

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.cli.texts import failures
from bot.config.presets import PRESETS
from bot.config.toml_writer import toml_array, toml_string
from bot.config.values import expand_home

TOKEN = "DISCORD_TOKEN"  # noqa: S105 - the variable's name
"""The variable that holds the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The operator's choices. `agent` is a preset's name, or a command with its arguments."""

    token: str
    endpoint: str
    channels: Mapping[int, str]
    """The channels, with their names for the comment."""
    agent: Sequence[str]
    cwd: Path
    sandbox: bool
    users: Mapping[str, str]
    """Entries of `access.users`, with the names of roles for the comment."""


def split_command(agent: str) -> list[str]:
    """Split an agent's command as a shell does; a relative path becomes absolute. Raises ValueError with the reason."""
    command, *args = shlex.split(agent) or [""]
    if not command:
        raise ValueError(failures.NO_COMMAND)
    return [str(expand_home(Path(command)).absolute()) if os.sep in command else command, *args]


def agent_lines(agent: Sequence[str]) -> list[str]:
    """Return the configuration's lines for an agent: a preset's name alone, or a command with its arguments."""
    command, *args = agent
    if command in PRESETS and not args:
        return [f"preset = {toml_string(command)}"]
    return [f"command = {toml_string(command)}", f"args = {toml_array(args)}"]


def sandbox_lines(*, is_on: bool) -> list[str]:
    """Return the lines about the default agent's sandbox, commented out without one."""
    lines = [
        "[agents.default.sandbox]",
        'engine = "bwrap"',
        '# "all", "none", or with engine = "srt" a list of hosts, such as ["api.example.org"].',
        '#network = "all"',
    ]
    about = (
        "# The agent sees its folder, a home directory of its own, and nothing else of this account: docs/sandbox.md."
    )
    return [about, *(lines if is_on else [f"#{each}" for each in lines if not each.startswith("#")])]


def config_text(choices: Choices) -> str:
    """Return the whole file, which contains no secret."""
    endpoint = [f"endpoint = {toml_string(choices.endpoint)}"] if choices.endpoint else []
    channels = [f"    {toml_string(channel_id)},  # {_plain(name)}" for channel_id, name in choices.channels.items()]
    lines = [
        "# Threadline's configuration. Missing keys have their defaults; docs/configuration.md explains every key.",
        "# After a change, run threadline check, then restart the bot.",
        "",
        "[discord]",
        "# Replaced by the environment variable, or by the line in the .env file next to this one.",
        f"token = {toml_string(f'${{{TOKEN}}}')}",
        *endpoint,
        "",
        "[access]",
        "# The channels in which the bot works, with their threads.",
        "channels = [",
        *channels,
        "]",
        '# Who may talk to the bot: "owner" (only you), a user ID, "role:ID", or "*" (everybody who sees the channel).',
        "# These people can have the agent do what this account can do: see docs/security.md.",
        *(f"# {entry} is {_plain(name)}." for entry, name in choices.users.items() if name),
        f"users = {toml_array(choices.users)}",
        "# Who may answer an agent's questions. The asker is the author of the message.",
        '#approvers = ["asker"]',
        "",
        "[agents.default]",
        *agent_lines(choices.agent),
        "# The folder in which it works.",
        f"cwd = {toml_string(choices.cwd)}",
        '# What is done without asking. docs/sandbox.md says when "allow_all" is advised.',
        '#permission = "ask"',
        "# Variables that the agent gets, by name, beyond those of its preset. The token is never among them.",
        "#inherit_env = []" if choices.agent[0] not in PRESETS else '#env = { NAME = "value" }',
        "",
        *sandbox_lines(is_on=choices.sandbox),
        "",
        "[pool]",
        "# Agents at the same time. Each is a process of a few hundred MB; further threads wait in the queue.",
        "#max_agents = 8",
        "",
        "[metrics]",
        "# The address for Prometheus and for health checks.",
        '#listen = "127.0.0.1:9464"',
    ]
    return "\n".join(lines) + "\n"


def env_lines(choices: Choices) -> list[str]:
    """Return the lines of the file of variables: the token, and comments on what the agent may need."""
    preset = PRESETS.get(choices.agent[0])
    wanted = preset.any_of if preset is not None else ()
    return [
        "# Secrets. The configuration names these variables. Only you should be able to read this file (mode 0600).",
        f"{TOKEN}={choices.token}",
        *(["# A key for the agent, unless you log in to it:"] if wanted else []),
        *(f"# {name}=" for name in wanted),
    ]


def _plain(name: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in name)
