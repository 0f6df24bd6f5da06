"""`/sessions` and `/resume`: the running agents, and the sessions of a thread. Pure."""

from collections.abc import Sequence

NO_AGENT = "No agent is running in a thread that you can see."

NOTHING_HELD = "No messages are on hold. A new message continues this thread's session."

SAME_SESSION = "This thread already uses that session."

OTHERS_SESSION = "That session belongs to another thread."

OF_THIS_THREAD = "of this thread"

UNTITLED = "untitled"


def running(
    thread_id: int,
    state: str,
    agent: str,
    *,
    asker_id: int | None,
    waiting: str,
    minutes: float | None,
    memory: int,
    machine: str,
) -> str:
    """Return the line of one conversation; `minutes` is the age of its agent, None without one, `memory` in bytes.

    `machine` is the other machine on which the agent runs, where its memory is not known.
    """
    parts = [f"<#{thread_id}> **{state}**"]
    parts += [f"<@{asker_id}>"] if asker_id is not None else []
    parts += [waiting] if waiting else []
    parts.append(agent)
    parts += [f"{minutes:.0f} min", machine or f"{memory / 2**20:.0f} MiB"] if minutes is not None else []
    return joined(parts)


def joined(parts: Sequence[str]) -> str:
    """Join the parts of a line."""
    return " · ".join(part for part in parts if part)


def session_resumed(by: int) -> str:
    """Tell a thread that it returns to another session."""
    return f"-# 🔀 <@{by}> chose another session. The next message continues it, if the agent still has it."
