"""What an agent remarks beside its answer: notices, and that it has shortened its memory of the session. Pure."""

from acp.schema import CompactionUpdate, Notice
from bot.text.markdown import escape

__all__ = ["remark"]

LONGEST = 500
"""Characters of a remark, before what is no plain text is escaped."""

_SIGNS = {"warning": "⚠", "error": "❌"}


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
