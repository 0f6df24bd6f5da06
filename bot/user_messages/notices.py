"""Small lines in a reply or a thread. Pure."""

from collections.abc import Sequence
from pathlib import Path

from acp.defects import Defect
from bot.text.markdown import escape, shortened
from bot.text.printable import visible
from bot.text.sizes import format_size
from pool.exchange import Notice
from pool.turn_watchdog import LONG_SECONDS, WatchdogAlert

from .agent_errors import defective
from .layout import links

PART = 60
"""Characters of each part of an introduction."""

NOTICES = {
    Notice.UNSET: "-# ⚠ A setting of this thread (model, mode or option) could not be restored.",
    Notice.UNASKED: "-# ⚠ This agent may act without asking: no asking mode could be set.",
}

STARTING = "-# ⏳ Starting the agent…"

WORKING = "-# ⏳ Working…"

UNDER_WAY = "-# ⏳ In progress…"
"""Stands below a question with nothing above it: true while it is open, and when it is answered."""

MESSAGE_GONE = "The message is gone."

MODES = "-# ⚠ The agent keeps changing its mode. Its final mode is named at the end."
"""Replaces further mode changes in a reply; appears once."""

BEYOND = "-# ⚠ I was offline for a long time and skipped some older messages. Please resend what still matters."


def over_memory(bound: int) -> str:
    """Report an idle agent that was stopped."""
    return (
        f"-# ⚠ The agent used more than {format_size(bound)} of memory while it was idle, so Threadline stopped it. "
        "Your next message starts it again."
    )


def forgotten(handed_over: int) -> str:
    """Report a lost session; `handed_over` is how many exchanges of it the new one gets."""
    text = "-# ⚠ The agent could not reopen the earlier session. The new one "
    match handed_over:
        case 0:
            return text + "knows nothing of this thread."
        case 1:
            return text + "knows only the last request and answer of this thread."
        case _:
            return text + f"knows only the last {handed_over} requests and answers of this thread."


def cannot_open_thread(reason: str) -> str:
    """Explain why there is no thread."""
    return f"I can't open a thread: {reason}"


def mode(name: str) -> str:
    """Report the agent's new mode."""
    return f"-# 🔀 Mode: {escape(visible(name, 60))}"


def introduction(title: str, *, model: str, directory: Path, unsafe_mode: str) -> str:
    """Return the line above a new session's first answer: which agent, model and directory, as far as known.

    `unsafe_mode` is the name of a mode in which the agent may act without asking; empty for its asking mode.
    """
    parts = [title, model, directory.name or str(directory), unsafe_mode and f"{unsafe_mode} mode"]
    return "-# " + " · ".join(escape(shortened(visible(part, 4 * PART), PART)) for part in parts if part)


def skipped(defect: Defect) -> str:
    """Report an omission from the agent's output."""
    return f"-# ⚠ Part of the agent's output is not shown: {escape(visible(defective(defect), 200))}"


def in_line(place: int, asking: Sequence[int]) -> str:
    """Report a thread's position in line, and which threads wait for a person's answer."""
    text = f"-# ⏳ All agents are busy. You are number {place} in the queue"
    if asking:
        text += ". Threads waiting for an answer: " + ", ".join(f"<#{thread_id}>" for thread_id in asking[:5])
    return text


def no_thread(reason: str) -> str:
    """Explain why an answer is in the channel."""
    return f"-# ⚠ {cannot_open_thread(escape(reason))}"


def refused_for(seconds: float, reason: str) -> str:
    """Give Discord's reason, and for how long it has given it."""
    minutes = seconds / 60
    return f"Discord refused for {minutes:.0f} minutes: {reason}" if minutes >= 1 else reason


def undelivered(thread_id: int, reason: str) -> str:
    """Report an answer that could not be posted."""
    return f"-# ❌ An answer in <#{thread_id}> could not be posted: {escape(reason)}"


def outside(thread_ids: Sequence[int]) -> str:
    """Name the threads that use the directory first."""
    return f"-# ⏳ Waiting for {links(thread_ids)}: only one thread at a time may use this folder"


def beside(thread_ids: Sequence[int]) -> str:
    """Name the other threads that work in the same directory."""
    return f"-# ⚠ Another agent is working in this folder: {links(thread_ids)}"


def due(due: WatchdogAlert, silent_seconds: float, *, taken_in: bool) -> str:
    """Report a silent or long turn; `taken_in` is whether the agent has begun to work on the message."""
    if due is WatchdogAlert.SILENT:
        why = "The agent may be thinking or stuck." if taken_in else "The agent has not reacted to this message yet."
        return f"-# ⏳ No output for {silent_seconds:.0f} s. {why}"
    return f"-# ⏳ Still working after {LONG_SECONDS / 60:.0f} minutes."
