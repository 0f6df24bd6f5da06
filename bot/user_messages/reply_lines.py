"""The bot's own lines within a reply: what it shortens, folds or leaves out. Pure."""

from bot.text.markdown import escape

from . import subagents as subagent_texts

REST_ATTACHED = "\n-# 📎 The rest is in the attached `reply.md`."

REST_TOO_LATE = "\n-# ⋯ The rest came after the end of the turn and is not shown."

COMPACTED = "-# The agent has shortened its memory of this session."

FORGOTTEN = "(no longer known: the agent's running tool calls took too much memory)"
"""Replaces the input or the output of a tool call."""


def lines_so_far(count: int) -> str:
    """Count the lines of a code block that is still being written."""
    return f"-# ⋯ {count} lines so far"


def file_so_far(line: str) -> str:
    """Extend the line of a file that is still being written."""
    return f"{line} so far"


def steps_left_out(count: int, done: int, *, earlier: bool) -> str:
    """Count the steps of a plan that are not listed."""
    return f"-# ⋯ {count} {'earlier' if earlier else 'more'}, {done} done"


def not_compacted(reason: str) -> str:
    """Report that the agent could not shorten its memory; the reason may be empty."""
    return "-# ⚠ The agent could not shorten its memory of this session" + (f": {escape(reason)}" if reason else "")


def not_shown(kind: str) -> str:
    """Report content of a kind that Discord cannot show."""
    return f"-# 📎 (the agent sent {escape(kind)} content, which is not shown)"


def tools(calls: int, files: int, *, subagents: int, added: int, removed: int, failed: int, unfinished: int) -> str:
    """Count the tool calls and subagents of a run that is folded, and what came of them."""
    facts = [
        subagent_texts.tools(calls, 0),
        subagent_texts.subagents(subagents),
        f"{files} {'file' if files == 1 else 'files'}" if files else "",
        f"+{added} −{removed}" if added or removed else "",
        f"{failed} failed" if failed else "",
        f"{unfinished} not finished" if unfinished else "",
    ]
    return f"-# 🛠 {' · '.join(fact for fact in facts if fact)}"


def more_changes(count: int) -> str:
    """Count the changes that a patch leaves out."""
    return f"{count} more changes"


def too_large_to_list(what: str) -> str:
    """Name a change that a patch leaves out; programs that read patches skip the line."""
    return f"# too large to list: {what}\n"


def unchanged(path: str) -> str:
    """Report a change whose two texts are equal."""
    return f"{path}: unchanged"


def new_and_empty(path: str) -> str:
    """Report a new file without text."""
    return f"{path}: new and empty"
