"""`/status`: what a thread's agent is doing; the bot's own status in the list of members; and the health page. Pure."""

from collections.abc import Sequence

from .layout import links

ASLEEP = "**Asleep** (your next message wakes it)"

UNKNOWN = "not reported"

STATES = {
    "asleep": "Asleep",
    "in line": "In the queue",
    "starting": "Starting",
    "idle": "Idle",
    "working": "Working",
    "stopping": "Stopping",
}
"""By `ConversationState`."""


def state(name: str, *, ahead: Sequence[int], place: int, asking: bool, waiting: str) -> str:
    """Report a conversation's state: `ahead` are the threads before it in its folder, `place` its own in the queue."""
    text = STATES[name]
    if ahead:
        text += f", after {links(ahead)}"
    elif place:
        text += f", number {place}"
    if asking:
        text += ", waiting for an answer to its question"
    return f"**{text}**" + (f"\n{waiting}" if waiting else "")


def agent(title: str, name: str) -> str:
    """Name a thread's agent, by its title and its name in the configuration."""
    return f"Agent: {title}" if title == name else f"Agent: {title} ({name})"


def trouble(reason: str) -> str:
    """Report that the journal cannot be written."""
    return f"⚠ I can't save anything right now: {reason}. New messages are not accepted."


def mode(name: str) -> str:
    """Name the mode."""
    return f"Mode: {name}"


def context(used: int, size: int) -> str:
    """Report how full the agent's context window is, in tokens."""
    return f"Context: {used:,} of {size:,} tokens" + (f" ({used / size:.0%})" if size else "")


def cost(amount: str) -> str:
    """Report what the session has cost."""
    return f"Cost so far: {amount}"


def session(session_id: str) -> str:
    """Name the session."""
    return f"Session: `{session_id}`"


def in_terminal(line: str, machine: str = "") -> str:
    """Show how to continue the session in a terminal, of another machine if it is there."""
    return f"In a terminal{f' on {machine}' if machine else ''}: `{line}`"


def presence(working: int, asking: int) -> str:
    """Say how many agents work, and how many wait for an answer; empty if none does."""
    parts = [f"{working} working"] if working else []
    parts += [f"{asking} asking"] if asking else []
    return " · ".join(parts)


# ---- why `/health` fails


def disconnected(seconds: float) -> str:
    """Report a lost connection to the gateway."""
    return f"not connected to Discord for {seconds:.0f} s"


def calls_wait(reason: str) -> str:
    """Report that Discord's REST API cannot be used."""
    return f"calls to Discord are on hold: {reason}"


def journal_unwritable(reason: str) -> str:
    """Report that the bot can accept no message."""
    return f"the journal cannot be written: {reason}"


def loop_stuck(seconds: float) -> str:
    """Report an event loop that stood still."""
    return f"the event loop was stuck for {seconds:.0f} s"
