"""What `threadline init` says and asks."""

from collections.abc import Iterable, Sequence
from typing import Final

PORTAL: Final = "https://discord.com/developers/applications"

CREATE_THE_BOT: Final = f"""\
Create the bot first, if you have none:
  1. Open {PORTAL}, press New Application and give it a name.
  2. Open the page Bot, press Reset Token and copy the token.
  3. On the same page, turn Public Bot off and Message Content Intent on.
"""

# ---- questions

TOKEN: Final = "The bot's token"  # noqa: S105 - a question
CHANNELS: Final = "Which channels should the bot work in?"
ACCESS: Final = "Who may talk to the bot?"
ACCESS_CHOICES: Final = ("Only you", "A role", "Everybody who sees the channel")
NUMBER: Final = "Number"
NUMBERS: Final = "Numbers"
ROLES: Final = "Which role?"
AGENTS: Final = "Which agent should it use?"
ANOTHER_AGENT: Final = "Another one, by its command"
AGENT_COMMAND: Final = "The command, with arguments"
FOLDER: Final = "The folder in which the agent works"
SANDBOX: Final = "Start the agent in a sandbox, in which it sees that folder and nothing else of this account?"
CHECK_NOW: Final = "Check the setup now?"
ENABLE_INTENT: Final = "The bot cannot read messages yet. Turn the Message Content intent on?"


def enter_number(count: int) -> str:
    """An answer that is not one of the numbers."""
    return f"Enter a number from 1 to {count}."


def try_again(reason: object) -> str:
    """An answer that cannot be used."""
    return f"{reason}\nTry again:"


def role(name: str, server: str) -> str:
    """A role in the list."""
    return f"@{name} in {server}"


NO_ROLES: Final = "The server has no roles yet. Create one in its settings, or choose another answer."

# ---- what is found and done


def logged_in(user: object) -> str:
    """The token is right."""
    return f"Logged in as {user}."


def public_bot(portal: str) -> str:
    """Strangers could invite it."""
    return f"Anybody can invite this bot to their server. To prevent that, turn Public Bot off: {portal}"


INTENT_ENABLED: Final = "The Message Content intent is on."


def enable_by_hand(portal: str) -> str:
    """A switch that only a person can turn."""
    return f"Turn on Message Content Intent here; the bot cannot run without it: {portal}"


def intent_refused(reason: object) -> str:
    """Discord requires a person."""
    return f"Discord did not allow that ({reason})."


def invite(link: str) -> str:
    """The invitation."""
    return f"\nInvite the bot, if it is not in your server yet:\n  {link}\n"


def waiting(unseen: Sequence[int], *, in_server: bool, seconds: float) -> str:
    """The wait for the invitation, or for these channels; none named means any."""
    names = f"the channel{'s' if len(unseen) > 1 else ''} {', '.join(map(str, unseen))}" if unseen else "a channel"
    what = f"see {names}" if in_server else "join a server"
    return f"Waiting up to {seconds:g} s for the bot to {what} ..."


def channel(name: str, lacks: Iterable[str]) -> str:
    """A channel in the list."""
    missing = ", ".join(lacks)
    return f"{name}  (lacks: {missing})" if missing else name


def still_lacks(name: object, line: str) -> str:
    """A permission to give the bot."""
    return f"In {name} the bot still lacks {line}"


def agent(title: str, install: str) -> str:
    """An agent in the list; `install` says how to get one that is missing."""
    return f"{title}: {f'to install it: {install}' if install else 'installed'}"


def to_install(title: str, install: str) -> str:
    """The chosen agent is missing."""
    return f"To install {title}: {install}"


def to_log_in(title: str, command: str) -> str:
    """The chosen agent has a login."""
    return f"To log in to {title}: {command}"


def takes_key(title: str, variables: Iterable[str]) -> str:
    """The chosen agent needs a key."""
    return f"{title} takes a key from {' or '.join(variables)}."


def no_sandbox(reason: str) -> str:
    """A sandbox cannot be made, so none is proposed."""
    return f"The agent gets no sandbox, because none can be made here: {reason.rstrip('.')}. See docs/sandbox.md."


def written(path: object, secrets: object) -> str:
    """Both files."""
    return f"Wrote {path}, and {secrets} with the token; only you can read that one."


# ---- the end


def start(command: str) -> str:
    """The last line is a command to type."""
    return f"To start the bot:\n{command}"


def check_and_start(check: str, command: str) -> str:
    """Nothing was checked yet; the last line is a command to type."""
    return f"To check the setup: {check}\n{start(command)}"


def correct(check: str) -> str:
    """A check failed; the last line is a command to type."""
    return f"Correct what FAILED. To check the setup again:\n{check}"


IN_CONTAINER: Final = (
    "This container runs only this command. To run one of the commands below, start the container again with it in"
    " place of `init` and its options."
)
