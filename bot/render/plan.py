"""Renders the agent's plan, as one list that ticks off, and its notices, as lines. Pure."""

from collections.abc import Sequence

from acp.schema import CompactionUpdate, Notice, PlanEntry
from bot.text.markdown import escape, shortened
from bot.user_messages import reply_lines as texts

MOST = 10
"""Steps that are shown; the others are counted."""

STEP = 100
"""Characters of a step."""

LONGEST = 500
"""Characters of a notice before it is escaped."""

_DONE, _IN_PROGRESS, _OPEN = "☑", "▸", "☐"
_SEVERITIES = {"warning": "⚠", "error": "❌"}


def plan_lines(entries: Sequence[PlanEntry], *, frozen: bool = False) -> str:
    """Return a plan's lines; of a long plan those around the first step that is not completed.

    Where they can no longer change, they are `frozen`: no step is marked as in progress. Their length is the same.
    """
    marks = {"completed": _DONE, "in_progress": _OPEN if frozen else _IN_PROGRESS}
    open_steps = [number for number, entry in enumerate(entries) if entry.status != "completed"]
    current = open_steps[0] if open_steps else len(entries)
    first = max(0, min(current - 2, len(entries) - MOST)) if len(entries) > MOST else 0
    shown = entries[first : first + MOST]
    lines = [_counted(entries[:first], earlier=True)] if first else []
    lines += [f"{marks.get(entry.status, _OPEN)} {escape(shortened(entry.content, STEP))}" for entry in shown]
    if rest := entries[first + MOST :]:
        lines.append(_counted(rest, earlier=False))
    return "\n".join(lines)


def _counted(entries: Sequence[PlanEntry], *, earlier: bool) -> str:
    done = sum(entry.status == "completed" for entry in entries)
    return texts.steps_left_out(len(entries), done, earlier=earlier)


def notice_line(update: Notice | CompactionUpdate) -> str:
    """Return the line of a notice; empty for a compaction that has only begun, or was cancelled."""
    match update:
        case Notice(severity=severity, title=title, description=description):
            text = f"{title}: {description}" if description else title
            return f"-# {_SEVERITIES.get(severity, 'ℹ')} {escape(text[:LONGEST])}"
        case CompactionUpdate(status="completed"):
            return texts.COMPACTED
        case CompactionUpdate(status="failed", error=error):
            return texts.not_compacted((error or "")[:LONGEST])
        case _:
            return ""
