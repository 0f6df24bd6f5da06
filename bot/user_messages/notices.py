"""Small lines in a reply or a thread. Pure."""

from collections.abc import Sequence
from pathlib import Path

from acp.defects import Defect
from bot.text.markdown import escape, shortened
from bot.text.printable import visible
from pool.exchange import Notice
from pool.turn_watchdog import LONG_SECONDS, WatchdogAlert

from .agent_errors import defective
from .layout import links

PART = 60
"""Characters of each part of an introduction."""

NOTICES = {
    Notice.UNSET: "-# ⚠ Something that was chosen for this thread could not be set again.",
    Notice.UNASKED: "-# ⚠ This agent may act unasked: it could not be put into a mode in which it asks first.",
}

MODES = "-# ⚠ the agent keeps changing its mode; the one that it ends in is named at the end"
"""Replaces further mode changes in a reply; appears once."""

BEYOND = "-# ⚠ I was away for long. Some older messages here were not taken up; write again what still matters."


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


def mode(name: str) -> str:
    """Report the agent's new mode."""
    return f"-# 🔀 the agent is now in the mode {escape(visible(name, 60))}"


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
    text = f"-# ⏳ all agents are busy; this thread is number {place} in line"
    if asking:
        text += ". Waiting for somebody's answer: " + ", ".join(f"<#{thread_id}>" for thread_id in asking[:5])
    return text


def no_thread(reason: str) -> str:
    """Explain why an answer is in the channel."""
    return f"-# ⚠ I could not open a thread: {escape(reason)}"


def not_archived(reason: str) -> str:
    """Explain why a closed thread stays in the list."""
    return f"-# ⚠ I can't archive this thread: {escape(reason)}"


def undelivered(thread_id: int, reason: str) -> str:
    """Report an answer that could not be posted."""
    return f"-# ❌ An answer in <#{thread_id}> could not be posted: {escape(reason)}"


def outside(thread_ids: Sequence[int]) -> str:
    """Name the threads that use the directory first."""
    return f"-# ⏳ one thread at a time works in this directory; before this one comes {links(thread_ids)}"


def beside(thread_ids: Sequence[int]) -> str:
    """Name the other threads that work in the same directory."""
    return f"-# ⚠ Another agent works in the same directory now: {links(thread_ids)}"


def due(due: WatchdogAlert, silent_seconds: float) -> str:
    """Report a silent or long turn."""
    if due is WatchdogAlert.SILENT:
        return f"-# ⏳ Nothing has come from the agent for {silent_seconds:.0f} s. It may be thinking, or stuck."
    return f"-# ⏳ The agent has been at this for {LONG_SECONDS / 60:.0f} minutes."
