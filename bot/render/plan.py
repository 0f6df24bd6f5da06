"""Renders what an agent says beside its answer: its plan, as one list that ticks off, and its remarks. Pure."""

from collections.abc import Sequence

from acp.schema import CompactionUpdate, Notice, PlanEntry
from bot.text.markdown import escape, shortened

__all__ = ["plan_lines", "remark"]

MOST = 10
"""Steps shown at the same time; further ones are counted."""

STEP = 100
"""Characters of a step."""

LONGEST = 500
"""Characters of a remark, before what is no plain text is escaped."""

_MARKS = {"completed": "☑", "in_progress": "▸"}
_SIGNS = {"warning": "⚠", "error": "❌"}


def plan_lines(entries: Sequence[PlanEntry]) -> str:
    """Write a plan. Of a long one the steps around the first that is not completed are shown."""
    open_steps = [number for number, entry in enumerate(entries) if entry.status != "completed"]
    current = open_steps[0] if open_steps else len(entries)
    first = max(0, min(current - 2, len(entries) - MOST)) if len(entries) > MOST else 0
    shown = entries[first : first + MOST]
    lines = [_counted(entries[:first], "earlier")] if first else []
    lines += [f"{_MARKS.get(entry.status, '☐')} {escape(shortened(entry.content, STEP))}" for entry in shown]
    if rest := entries[first + MOST :]:
        lines.append(_counted(rest, "more"))
    return "\n".join(lines)


def _counted(entries: Sequence[PlanEntry], word: str) -> str:
    done = sum(entry.status == "completed" for entry in entries)
    return f"-# ⋯ {len(entries)} {word}, {done} done"


def remark(told: Notice | CompactionUpdate) -> str:
    """Return the line that shows it; empty for what needs none: a compaction that has only begun, or was given up."""
    match told:
        case Notice(severity=severity, title=title, description=description):
            text = f"{title}: {description}" if description else title
            return f"-# {_SIGNS.get(severity, 'ℹ')} {escape(text[:LONGEST])}"
        case CompactionUpdate(status="completed"):
            return "-# The agent has shortened its memory of this session."
        case CompactionUpdate(status="failed", error=error):
            reason = f": {escape(error[:LONGEST])}" if error else ""
            return f"-# ⚠ The agent could not shorten its memory of this session{reason}"
        case _:
            return ""
