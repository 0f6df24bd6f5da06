"""The sentences about mistakes in a configuration: what is wrong, and behind a semicolon what to do. Pure."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from .toml_writer import toml_array, toml_string

NAMED_TABLES: Final[Mapping[str, str]] = {"agents": "NAME", "channels": "ID", "places": "NAME"}
"""The tables whose headers have a second part, and what it is."""


def line(path: Path, number: int | None, place: str, words: str) -> str:
    """Return a problem on one line, `file:line: [table] key: words`; number and place may be missing."""
    where = str(path) if number is None else f"{path}:{number}"
    return f"{where}: {place}: {_one_line(words)}" if place else f"{where}: {_one_line(words)}"


def place(keys: Sequence[str]) -> str:
    """Return the table in brackets and the key behind it. An element of a list is counted from 1."""
    depth = 3 if keys[2:3] == ("sandbox",) else 2 if keys and keys[0] in NAMED_TABLES else 1
    header = f"[{'.'.join(map(_bare, keys[:depth]))}]" if keys else ""
    below = ", ".join(f"entry {int(key) + 1}" if key.isdecimal() else _bare(key) for key in keys[depth:])
    return f"{header} {below}".strip()


def _bare(key: str) -> str:
    """Return a part of a dotted key, quoted unless it is a bare key in TOML."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def suggestion(known: Iterable[str], close: str) -> str:
    """Return what to write in place of a wrong word: the `close` one, or else all that are `known`."""
    return f"did you mean {close}?" if close else f"choose one of: {', '.join(known)}"


# ---- the file

EXPOSED_TO_WRITING: Final = "other accounts can change this file, which names programs to run; run: chmod go-w {path}"
READABLE: Final = "other accounts can read this secret; use a variable, or run: chmod 600 {path}"


def unreadable(reason: str) -> str:
    """The file cannot be opened, or is not text."""
    return f"cannot be read: {reason}"


def not_toml(reason: str) -> str:
    """A syntax error."""
    return f"this is not valid TOML: {reason}; check quotation marks, brackets and commas"


def variable_not_set(name: str) -> str:
    """A `${NAME}` without a value."""
    return f"the environment variable {name} is not set; set it, or add a line {name}=... to the .env file"


def variables_exposed(path: Path) -> str:
    """Other accounts can read the file of variables."""
    return f"other accounts can read this file; run: chmod 600 {path}"


NOT_A_VARIABLE: Final = "this is not of the form NAME=VALUE; a comment begins with #"


# ---- tables and keys


def unknown_table(known: Iterable[str], close: str) -> str:
    """No table has this name."""
    return f"unknown table; {suggestion(map('[{}]'.format, known), close and f'[{close}]')}"


def unknown_key(known: Iterable[str], close: str, home: str) -> str:
    """The table has no such key; `home` is a table that has."""
    if not close and home:
        return f"unknown key; it belongs in {home}"
    return f"unknown key; {suggestion(known, close)}"


def key_outside_tables(home: str) -> str:
    """A key before the first table."""
    return f"this key is outside a table; move it below {home or 'the header of its table, such as [discord]'}"


_ADD: Final = {
    "token": 'add token = "${DISCORD_TOKEN}"',
    "command": 'add the agent\'s command, or a preset such as preset = "claude"',
    "cwd": 'add the folder in which the agent works, such as cwd = "~/project"',
}


def missing_key(key: str) -> str:
    """A required key."""
    return f"is missing; {_ADD.get(key, 'add it')}"


MISSING_TABLE: Final = "the table is missing; add it (threadline init writes a complete file)"
AGENT_NEEDS_TABLE: Final = "an agent is a table of its own, such as [agents.default]; move this key into one"


# ---- values

EMPTY: Final = "is empty; give it a value"
NOT_A_LIST: Final = "must be a list, in square brackets"
NOT_A_TABLE: Final = "must be a table"
NOT_TEXT: Final = "must be text, in quotation marks"
NOT_A_PATH: Final = "must be a path, written as text in quotation marks"
NOT_WHOLE: Final = "must be a whole number"
NOT_A_NUMBER: Final = "must be a number"
NOT_A_SWITCH: Final = "must be true or false, without quotation marks"
NOT_AN_ID: Final = "is not a Discord ID; copy the number with Copy ID in Discord, and write it in quotation marks"
NOT_AN_ADDRESS: Final = 'must be an address like "http://127.0.0.1:8377"'
NOT_A_LISTENER: Final = 'must be a host and a port, like "127.0.0.1:9464"'
NOT_A_PROXY: Final = 'must be the address of an HTTP proxy, like "http://proxy.example:3128"'
NOT_A_SIZE: Final = 'is not a size; write it like "4GiB", or 0 for no limit'
UNENCRYPTED: Final = "must begin with https:// for another machine; otherwise the token would be sent unencrypted"
STAR_NEEDS_GUILDS: Final = 'channels = ["*"] needs guilds; list the IDs of the servers there'
TERMINAL_OUTSIDE_WRAP: Final = (
    'client = ["terminal"] runs commands outside the program in wrap; remove "terminal" or the wrap'
)


WARM_IN_SANDBOX: Final = "agents in a sandbox cannot be kept warm, since each is made for one thread; remove warm"
HOSTS_BY_SRT: Final = 'a list of hosts as the network needs engine = "srt", and that engine needs such a list'
TERMINAL_IN_SRT: Final = 'client = ["terminal"] does not go with engine = "srt"; remove "terminal"'
SANDBOX_MISSING: Final = 'the sandbox needs the program bwrap; install the package "bubblewrap", or set engine = "off"'


def not_a_person(number: int, allowed: Iterable[str]) -> str:
    """An entry of a list of people."""
    known = ", ".join(f'"{word}"' for word in sorted(allowed))
    return f'entry {number} is not valid; write a user ID, "role:ID", {known}'


def not_a_choice(known: Iterable[str]) -> str:
    """A value that is not one of a closed set; `known` has them as TOML. The nearest one may allow too much."""
    return f"is not valid; {suggestion(filter(json.loads, known), '')}"


def no_such_preset(known: Iterable[str], close: str) -> str:
    """A preset's name."""
    return f"there is no such preset; {suggestion(known, close)}"


def no_such_agent(name: str, known: Iterable[str], close: str) -> str:
    """The name of an agent that has no table."""
    return f'there is no agent "{name}"; {suggestion(known, close)}'


def no_agents_name(name: str) -> str:
    """A table `[agents.NAME]` whose name cannot be used."""
    return f'"{name}" cannot be the name of an agent; use up to 32 letters, digits, - and _'


NOT_A_HOST: Final = 'must be the name or the address of a machine, like "worker1" or "agents@10.0.0.7"'
NOT_ABSOLUTE_THERE: Final = "must begin with /, since it is on another machine"
PLACE_NEEDS_HOST: Final = 'a place needs host, such as host = "worker1", or a command line of its own in enter'
REAP_BY_NAME: Final = "reap ends several jobs at a time; select them with {label} or {pattern} instead of {name}"
HERE_IS_THIS_MACHINE: Final = '"here" is this machine; give the place another name'


def place_needs_image(engine: str) -> str:
    """A place whose engine starts containers."""
    return f"{engine} needs image, the name of a container image with the agent and Python 3"


def no_such_place(name: str, known: Iterable[str], close: str) -> str:
    """The name of a place that has no table."""
    return f'there is no place "{name}"; {suggestion(known, close)}'


def no_sandbox_there(place_name: str) -> str:
    """A place without a sandbox, for an agent that has one on this machine."""
    return (
        f"the agent's sandbox is only on this machine, and {place_name} has none of its own; use an engine with"
        " containers there, put a sandbox into its enter, or turn the agent's sandbox off"
    )


def no_places_name(name: str) -> str:
    """A table `[places.NAME]` whose name cannot be used."""
    return f'"{name}" cannot be the name of a place; use up to 32 lower-case letters and digits, with - between them'


def relative_elsewhere(directory: Path) -> str:
    """A directory of an agent that runs on other machines."""
    return f"{directory} must begin with /, since it is on another machine"


def out_of_bounds(kind: str, bound: float) -> str:
    """A number that is too large or too small, by pydantic's kind of error."""
    words = {
        "greater_than": "more than",
        "greater_than_equal": "at least",
        "less_than": "less than",
        "less_than_equal": "at most",
    }
    return f"must be {words[kind]} {bound:g}"


def server_needs(kind: str, key: str) -> str:
    """An MCP server without its command or address."""
    return f"a server of type {kind} needs {key}"


def server_has_no(kind: str, key: str) -> str:
    """An MCP server with a key of another type."""
    return f"a server of type {kind} has no {key}; remove it, or change the type"


# ---- this machine


def command_not_found(command: str, install: str) -> str:
    """A program that is not on the PATH; `install` says how to get it."""
    advice = f"to install it: {install}" if install else "install it, or correct the PATH"
    return f'the command "{command}" was not found; {advice}'


def arguments_in_command(command: str, args: Sequence[str]) -> str:
    """A command with arguments behind it."""
    return f"arguments belong in args; write command = {toml_string(command)} and args = {toml_array(args)}"


def no_directory(directory: Path) -> str:
    """A directory that does not exist."""
    return f"the directory {directory} does not exist; create it, or correct the path"


def closed_directory(directory: Path, reason: str) -> str:
    """A directory that the account may not enter."""
    return f"the directory {directory} cannot be entered: {reason}"


def exposed(file: Path) -> str:
    """One of the bot's own files is where an agent works."""
    return f"the agent could read and change {file} there; keep the bot's files and the agent's folder apart"


def no_path(path: Path) -> str:
    """A path of a sandbox that does not exist."""
    return f"{path} does not exist; create it, or correct the path"


def too_wide(directory: Path) -> str:
    """A directory of a sandbox that contains the home directory."""
    return f"the sandbox would contain the whole home directory with {directory}; name the directory of the project"


# ---- warnings


def nobody_allowed(name: str) -> str:
    """An empty list of people."""
    return f"[access] {name} is empty; no one is allowed"


ONLY_ADMINS: Final = "[access] approvers is empty; only admins are allowed"
NO_BOTS: Final = "[threads] trusted_bots is empty; bots get no answers"
UNUSABLE_PROXY: Final = (
    "HTTPS_PROXY does not name an HTTP proxy, so it is not used; set [discord] proxy to an address that begins with"
    " http://"
)
NO_CHANNELS: Final = "[access] channels is empty; the bot does not work in any channel"


def unlisted_channel(channel_id: int) -> str:
    """A table for a channel in which the bot does not work."""
    return f"[channels.{channel_id}] has no effect; [access] channels does not list this channel"


def useless_client(agent: str, part: str) -> str:
    """A part of `client` that the agent has of its own."""
    return f'[agents.{agent}] client: "{part}" protects nothing; the agent does this itself even after a refusal'


def only_here(agent: str, key: str) -> str:
    """A key that has no effect, since the agent never runs on this machine."""
    return f'[agents.{agent}] {key} has no effect; places does not list "here"'


def too_large_for(agent: str, place_name: str) -> str:
    """An agent that can start in no place of that size."""
    return f"[agents.{agent}] memory is more than [places.{place_name}] memory; the agent cannot start there"


def shared_state(agent: str) -> str:
    """A sandbox that contains the person's own files of the agent."""
    return (
        f'[agents.{agent}.sandbox] state = "shared": the agent can change its settings in the home directory, which'
        ' also count outside the sandbox; with state = "own" it has a home of its own'
    )


def only_sandboxed_here(agent: str, places: Iterable[str]) -> str:
    """A sandbox that is not made at the other places of the agent."""
    return f"[agents.{agent}.sandbox] is made on this machine only; at {', '.join(places)} the agent runs without it"
