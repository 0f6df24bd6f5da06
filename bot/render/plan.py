"""A plan as one list that ticks off. Pure."""

from collections.abc import Sequence

from acp.schema import PlanEntry
from bot.text.markdown import escape, shortened

__all__ = ["plan_lines"]

MOST = 10
"""Steps shown at the same time; further ones are counted."""

STEP = 100
"""Characters of a step."""

_MARKS = {"completed": "☑", "in_progress": "▸"}


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
