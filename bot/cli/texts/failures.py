"""Why a command cannot go on, and what a check finds wrong. docs/troubleshooting.md has an entry for each."""

from collections.abc import Iterable, Sequence
from typing import Final

from bot.user_messages import agent_checks

# ---- files and the installation

FOREIGN_ACP: Final = (
    "the package 'acp' at {file} is not Threadline's own: another package of that name (agent-client-protocol) is"
    " installed in this environment. Install Threadline into an environment of its own, for example with pipx."
)


def missing_file(path: object) -> str:
    """The configuration that a flag names."""
    return f"{path}: there is no such file; threadline init writes one"


def missing_file_in_variable(path: object) -> str:
    """The configuration that the variable names."""
    return f"THREADLINE_CONFIG={path}: there is no such file; correct the variable, or run threadline init"


def no_configuration(looked_for: Iterable[object]) -> str:
    """No file in any of the usual places."""
    return (
        f"there is no configuration; looked for {' and '.join(map(str, looked_for))} (THREADLINE_CONFIG is not set)."
        " threadline init writes one; -c names another file"
    )


def exists(path: object) -> str:
    """A file that would be overwritten."""
    return f"{path} exists; --force replaces it"


def unreadable(path: object, reason: object) -> str:
    """A file that cannot be read."""
    return f"{path}: cannot be read: {reason}"


def unwritable(path: object, reason: object) -> str:
    """A file that cannot be written."""
    return f"{path}: cannot be written: {reason}"


def no_folder(folder: object) -> str:
    """The folder of a file to write."""
    return f"{folder}: there is no such folder"


def closed_folder(folder: object) -> str:
    """A folder in which the account may not create files."""
    return f"{folder}: this account cannot write here; name another file with -c"


def not_made(folder: object, reason: object) -> str:
    """A folder that cannot be created."""
    return f"{folder}: cannot be created: {reason}"


def new_journal(reason: object) -> str:
    """A journal that cannot be used."""
    return f"{reason}; `threadline run --new-journal` puts it aside and begins a new one"


# ---- agents


def did_you_mean(close: str, known: Iterable[str]) -> str:
    """What to write in place of a wrong name."""
    return f"did you mean {close}?" if close else f"choose one of: {', '.join(known)}"


def no_such_agent(name: str, close: str, known: Iterable[str]) -> str:
    """An agent that the configuration does not have."""
    return f'there is no agent "{name}" in the configuration; {did_you_mean(close, known)}'


def runs_elsewhere(name: str, places: Sequence[str]) -> str:
    """An agent that this machine cannot start."""
    return (
        f'the agent "{name}" runs on {" and ".join(places)}, not on this machine: `threadline check` tries it there.'
        " Log in to it there, as the account of the agents"
    )


def no_such_login_method(method: str, close: str, known: Sequence[str]) -> str:
    """A login method that the agent does not offer."""
    if not known:
        return agent_checks.NO_LOGIN_METHODS
    return f'the agent has no login method "{method}"; {did_you_mean(close, known)}'


def agent_not_found(name: str, close: str, known: Iterable[str]) -> str:
    """Neither the name of a preset nor a command on the PATH."""
    hint = f"did you mean {close}?" if close else f"known by name: {', '.join(known)}"
    return f'"{name}" was not found on PATH; {hint}'


def agent_not_installed(command: str, install: str) -> str:
    """A known agent's program is missing."""
    return f'the command "{command}" was not found on PATH; to install it: {install}'


def bad_agent(reason: object, given: str) -> str:
    """A command that the shell's rules cannot split."""
    return f"{reason} in {given}"


NO_COMMAND: Final = "No command"


def no_agent_installed(known: Iterable[str]) -> str:
    """None of the known agents is on the PATH."""
    return f"none of the known agents is on PATH: {', '.join(known)}; install one, or give --agent a command"


# ---- init


def not_interactive(what: str, flag: str) -> str:
    """A question without a terminal to ask it in."""
    return f"{what}: there is no terminal to ask in; give {flag}"


NOT_A_TOKEN: Final = "that is not a token: a token is one word of ASCII letters, without quotation marks"  # noqa: S105
EMPTY_TOKEN_FILE: Final = "--token-file: is empty"  # noqa: S105


def unreadable_token_file(reason: object) -> str:
    """The token's file."""
    return f"--token-file: cannot be read: {reason}"


def bad_flag(flag: str, reason: object) -> str:
    """A value that the configuration would refuse."""
    return f"{flag}: {reason}"


def bad_address(flag: str, given: str, reason: object) -> str:
    """An address that the configuration would refuse."""
    return f"{flag}: {given} {reason}"


def not_an_id(given: str) -> str:
    """A channel by its name."""
    return f"--channel: {given} is not an ID"


def not_a_channel(given: int, known: str) -> str:
    """The ID of something else."""
    return f"--channel: {given} is {known}, not a channel"


def which_channel(channels: Iterable[str]) -> str:
    """Several channels, and no answer."""
    return f"which channel? give --channel; the bot sees: {', '.join(channels)}"


NOT_INVITED: Final = "the bot has not joined a server; invite it with the link above, and run this again"


def not_visible(channel_ids: Iterable[int], servers: Iterable[str]) -> str:
    """Channels that the bot cannot see after the wait; none named means that it sees no channel at all."""
    which = f"the channels {', '.join(map(str, channel_ids))}" if channel_ids else "any channel"
    return (
        f"the bot cannot see {which} in {', '.join(servers)}; check the IDs, let its role view the channels, and run"
        " this again"
    )


def within_reach(folder: object, file: object) -> str:
    """The agent's folder has the configuration in it."""
    return f"{folder}: the agent could read and change {file} there; choose a folder without it"


# ---- migrate

NOT_OPENAB: Final = "has no table [discord]; is it the config.toml of openab?"
OTHER_VALUES: Final = "has a value of a type that openab does not accept"


def not_openab(file: object) -> str:
    """Another program's file."""
    return f"{file}: {NOT_OPENAB}"


def other_values(file: object, reason: object) -> str:
    """A value that openab would refuse too."""
    return f"{file}: {OTHER_VALUES}: {reason}"


# ---- the connection to Discord


def no_answer(seconds: float) -> str:
    """The login's bound."""
    return f"Discord did not answer in {seconds:g} s"


def silent_gateway(seconds: float) -> str:
    """The gateway's bound."""
    return f"Discord's gateway sent nothing for {seconds:g} s"


CLOSED: Final = "Discord closed the connection"


# ---- what a check finds on Discord


def public(portal: str) -> str:
    """Strangers could invite the bot."""
    return f"anybody can invite this bot to their server; turn Public Bot off: {portal}"


def no_server(link: str) -> str:
    """The bot is in no server."""
    return f"the bot is not in a server; to invite it: {link}"


def not_member(link: str) -> str:
    """A listed server without the bot."""
    return f"the bot is not a member, or the ID is wrong; to invite it: {link}"


def not_a(known: str, what: str) -> str:
    """The ID of something else."""
    return f"is {known}, not a {what}"


def lacks(permission: str) -> str:
    """A permission, and what is lost without it."""
    return f"the bot lacks: {permission}"


def channels_in_order(good: int, count: int) -> str:
    """A whole server."""
    return f"the bot has all permissions in {good} of {count} channels"


def is_thread(parent_id: int) -> str:
    """A thread in the list of channels."""
    return f"is a thread; list its channel instead: {parent_id}"


def is_kind(kind: str) -> str:
    """A category, for example."""
    return f"is a {kind}; list the channels in it"


NOT_A_CHANNEL: Final = "is not a channel of a server"
UNSEEN: Final = "the bot cannot see it: it lacks View Channels there, or is not in its server"
NO_SUCH_CHANNEL: Final = "there is no such channel in the bot's servers; is it the ID of a channel?"


def cannot_look(reason: object) -> str:
    """Discord's own words."""
    return f"cannot be checked: {reason}"


NO_SUCH_ROLE: Final = "no server of the bot has this role"
NO_SUCH_USER: Final = "Discord knows no user with this ID"


def not_a_user(known: str) -> str:
    """A role among the users, for example."""
    return f'is {known}, not a user; write a role as "role:ID"'


# ---- what a check finds about an agent


def missing_variable(variable: str) -> str:
    """A variable that the agent may need."""
    return f"missing: {variable}"


def not_given(words: str) -> str:
    """A part of the configuration that the agent does not take."""
    return f"not given: {words}"


def gets_wrong(fault: str) -> str:
    """A mistake of the agent's."""
    return f"gets wrong: {fault}"


NO_ASKING_MODE: Final = "asks before it acts: its mode could not be set"


# ---- what a check finds about a place

_REMEDIES: Final = {
    "Host key verification failed": "pin the host's key: run ssh-keyscan, compare the fingerprint, and add the line to"
    " ~/.ssh/known_hosts",
    "REMOTE HOST IDENTIFICATION": "the host shows another key than the pinned one; find out why before you replace it",
    "Permission denied": "add the bot's public key to authorized_keys of the account there",
    "Could not resolve hostname": "correct host",
    "Connection refused": "start the SSH server there, or correct host and options",
    "timed out": "check that the machine runs and that its network lets the bot in",
    "no header on stdin": "the key there starts the runner alone (command= in authorized_keys); this engine needs a key"
    " without that",
    "has version": "bring Threadline, or the copy of its runner, up to date there",
    "python": "install Python 3.8 or newer there, or set runner",
    "no such file or directory": "install what is named, or correct the PATH there",
    "not found": "install what is named, or correct the PATH there",
}
"""What to do, by a part of what ssh, a shell or the runner says."""


def place_fails(host: str, reason: str) -> str:
    """A place that cannot be reached, in the words of its client, with what to do where that is known."""
    remedies = (remedy for part, remedy in _REMEDIES.items() if part.lower() in reason.lower())
    return f"{host}: cannot be reached: {reason}; {next(remedies, 'run the same command by hand to see why')}"


def place_look_fails(host: str, reason: str) -> str:
    """A place that is reached, and on which nothing more works."""
    return f"{host}: cannot be examined: {reason}"


def no_directory_there(host: str, directory: str) -> str:
    """A directory in which an agent is to work."""
    return f"{host}: the directory {directory} does not exist there; create it, or correct cwd"


def files_not_writable(host: str, files: str) -> str:
    """The directory of people's files."""
    return f"{host}: the account there cannot write to {files}; create it for the account, or set files"


def files_not_private(host: str, files: str) -> str:
    """A directory of people's files that another account can exchange."""
    return f"{host}: another account owns {files}, or may write there; choose another directory with files"


def disk_full(host: str, files: str, size: str) -> str:
    """Little room for people's files."""
    return f"{host}: only {size} free for {files}; make room, or choose another directory with files"


def queued_there(host: str, reason: str) -> str:
    """A start that the place has put off."""
    return f"{host}: not started yet, queued: {reason}"


# ---- check --live

LIVE_UNCONFIRMED: Final = "a person must confirm this in a terminal; --yes confirms it here"
LIVE_ALONE: Final = "--forum, --load, --people, --record and --yes belong to --live"
LIVE_OFFLINE: Final = "--live needs Discord, which --offline skips; leave one of them out"


def live_unseen(channel_id: int) -> str:
    """A channel that the bot does not see."""
    return f"the bot does not see the channel {channel_id}; correct the ID, or let its role view the channel"


def live_kind(channel_id: int) -> str:
    """A channel in which no thread can be opened on a message."""
    return f"the channel {channel_id} is not a text channel; --live needs one"


def live_forum(forum_id: int) -> str:
    """A forum in which no tag can be set."""
    return f"the channel {forum_id} is not a forum with tags in the same server; --forum needs one"


def live_lacks(name: str, missing: Iterable[str]) -> str:
    """Permissions without which steps would fail."""
    return f"the live check needs these permissions in #{name}, which the bot lacks: {', '.join(missing)}"


def live_status(status: int) -> str:
    """Discord's answer."""
    return f"Discord answered with {status}"


def live_call(method: str, path: str, reason: str) -> str:
    """A call that failed after all its tries."""
    return f"{method} {path} failed: {reason}"


def live_gateway_closed(code: object) -> str:
    """The end of the connection, with its close code."""
    return f"Discord's gateway closed the connection with code {code}"


def live_refusals(count: int) -> str:
    """The bound on refusals: Discord bans a bot that has too many."""
    return f"Discord has refused {count} calls, which is too many; the live check ends early"


def live_left(links: Iterable[str]) -> str:
    """Messages that are still there."""
    return f"not everything could be deleted; delete what the bot posted at {', '.join(links)}"
