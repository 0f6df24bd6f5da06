"""Small lines in a reply or a thread. Pure."""

from collections.abc import Sequence

from bot.text.markdown import escape
from bot.text.printable import visible
from pool.exchange import Notice
from pool.turn_watchdog import LONG_SECONDS, WatchdogAlert

from .layout import links

NOTICES = {
    Notice.FORGOTTEN: "-# ⚠ The agent could not take up the earlier session. It starts anew and knows nothing of it.",
    Notice.UNSET: "-# ⚠ Something that was chosen for this thread could not be set again.",
    Notice.UNASKED: "-# ⚠ This agent may act unasked: it could not be put into a mode in which it asks first.",
}

MODES = "-# ⚠ the agent keeps changing its mode; the one that it ends in is named at the end"
"""Replaces further mode changes in a reply; appears once."""

BEYOND = "-# ⚠ I was away for long. Some older messages here were not taken up; write again what still matters."


def mode(name: str) -> str:
    """Report the agent's new mode."""
    return f"-# 🔀 the agent is now in the mode {escape(visible(name, 60))}"


def skipped(reason: str) -> str:
    """Report an omission from the agent's output."""
    return f"-# ⚠ part of what the agent sent is not shown: {escape(visible(reason, 200))}"


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
