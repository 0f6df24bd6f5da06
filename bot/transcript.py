"""What one reply shows: the agent's events folded into text, and the text into pages. Pure.

A page that is full is frozen: it never changes again, and its text leaves memory when it is confirmed. Only the last
page grows. A chunk costs an append; rendering happens when somebody asks for the pages.
"""

from dataclasses import dataclass

from acp import Event, Text
from acp.schema import AgentMessageChunk, Plan, ResourceLink, ToolCallUpdate

from .markdown import Fence, escape, fence_after, take_page

__all__ = ["Transcript"]

_STEPS = {"completed": "☑", "in_progress": "▸"}
_STATES = {"completed": "✔", "failed": "✘"}
_TITLE = 150


@dataclass(slots=True)
class _Prose:
    """A run of the agent's words."""

    parts: list[str]

    def render(self) -> str:
        """Join the parts once; later calls find one."""
        if len(self.parts) > 1:
            self.parts[:] = ["".join(self.parts)]
        return self.parts[0]


@dataclass(slots=True)
class _Line:
    """Something that has lines of its own and may change until its page is frozen."""

    text: str

    def render(self) -> str:
        """Return the lines."""
        return self.text


class Transcript:
    """The reply to one exchange, as far as it is known."""

    def __init__(self) -> None:
        """Start empty."""
        self._blocks: list[_Prose | _Line] = []
        self._tools: dict[str, tuple[_Line, ToolCallUpdate]] = {}
        self._plan: _Line | None = None
        self._frozen: list[str] = []
        self._fence: Fence | None = None
        self._suspended: Fence | None = None
        self._half = ""
        self.has_text = False
        """Whether the agent has said or done anything that shows."""

    def apply(self, event: Event) -> bool:
        """Take an event of the turn. Returns whether it shows."""
        match event:
            case Text(text):
                self._write(text)
                if not text.strip():
                    return False  # It shows with the words behind it, if there are any.
            case ToolCallUpdate():
                self._tool(event)
            case Plan():
                self._show_plan(event)
                if not event.entries:
                    return True
            case AgentMessageChunk(content=ResourceLink(name=name, uri=uri)):
                self.line(f"📎 {escape(name)}: {escape(uri)}")
            case AgentMessageChunk(content=content):
                self.line(f"-# 📎 (the agent sent {escape(content.type)} content, which is not shown)")
            case _:
                return False
        self.has_text = True
        return True

    def tool_call(self, update: ToolCallUpdate) -> ToolCallUpdate:
        """Return all that is known of a tool call; a question may bring no more than its id."""
        known = self._tools.get(update.tool_call_id)
        return update if known is None else _merged(known[1], update)

    def line(self, text: str) -> None:
        """Add lines that are not the agent's words."""
        self._begin_line().text = text

    def _begin_line(self) -> _Line:
        """Add a block of lines. A fence that is open is closed before it, and opened again for the words behind it."""
        fence = fence_after("".join(_pieces(self._blocks)), self._fence)
        if fence is not None:
            self._suspended = fence
            last = self._blocks[-1] if self._blocks else None
            if isinstance(last, _Prose):
                last.parts.append(fence.marker if last.render().endswith("\n") else f"\n{fence.marker}")
            elif last is None:
                self._fence = None  # All of the fence is on pages that are frozen, and the last of them closed it.
        line = _Line("")
        self._blocks.append(line)
        return line

    def _write(self, text: str) -> None:
        text = self._half + text
        self._half = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            # The first half of a character outside the basic plane; the agent cut its text between the two.
            self._half, text = text[-1], text[:-1]
        if not text:
            return
        if any("\ud800" <= character <= "\udfff" for character in text):
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        last = self._blocks[-1] if self._blocks else None
        if isinstance(last, _Prose):
            last.parts.append(text)
        elif self._suspended is not None:
            self._blocks.append(_Prose([self._suspended.opening, text.removeprefix("\n")]))
            self._suspended = None
        else:
            self._blocks.append(_Prose([text]))

    def _tool(self, update: ToolCallUpdate) -> None:
        """Show a tool call in one line; announced twice or never, its id decides."""
        known = self._tools.get(update.tool_call_id)
        if known is None:
            line = self._begin_line()
        else:
            line, earlier = known
            update = _merged(earlier, update)
        self._tools[update.tool_call_id] = (line, update)
        title = escape((update.title or update.kind or "tool")[:_TITLE])
        line.text = f"-# {_STATES.get(update.status or '', '▸')} {title}"

    def _show_plan(self, plan: Plan) -> None:
        if self._plan is None:
            self._plan = self._begin_line()
        steps = (f"{_STEPS.get(entry.status, '☐')} {escape(entry.content[:_TITLE])}" for entry in plan.entries)
        self._plan.text = "\n".join(steps)

    def pages(self) -> list[str]:
        """Return all pages; those before the last are frozen. Empty pages, which Discord refuses, do not exist."""
        tail = "".join(_pieces(self._blocks))
        while True:
            page = take_page(tail, self._fence)
            if page.length == len(tail):
                break
            if page.content.strip():
                self._frozen.append(page.content)
            self._forget(page.length)
            self._fence = page.fence
            tail = tail[page.length :]
        last = [page.content] if tail.strip() else []
        return self._frozen + last

    def _forget(self, length: int) -> None:
        """Drop the first `length` characters of what the blocks show: they are on a frozen page."""
        kept: list[_Prose | _Line] = []
        for block, piece in zip(self._blocks, _pieces(self._blocks), strict=True):
            cut = min(length, len(piece))
            length -= cut
            if cut == 0:
                kept.append(block)
            elif cut < len(piece):
                kept.append(_Prose([piece[cut:]]) if isinstance(block, _Prose) else _Line(piece[cut:]))
            if cut and block is self._plan:
                self._plan = None  # Later states of the plan begin a new list; this one stays as it was.
        self._blocks = kept


def _merged(earlier: ToolCallUpdate, update: ToolCallUpdate) -> ToolCallUpdate:
    """Put a later update over an earlier one; what it leaves out stays (ACP, Tool Calls, Updating)."""
    names = (name for name in type(update).model_fields if getattr(update, name) is not None)
    return earlier.model_copy(update={name: getattr(update, name) for name in names})


def _pieces(blocks: list[_Prose | _Line]) -> list[str]:
    """Render blocks: prose as it is, everything else on lines of its own. Joined, the pieces are the text."""
    pieces: list[str] = []
    before: _Prose | _Line | None = None
    for block in blocks:
        rendered = block.render()
        apart = isinstance(block, _Line) or isinstance(before, _Line)
        starts = before is None or not apart or pieces[-1].endswith("\n")
        pieces.append(rendered if starts else "\n" + rendered)
        before = block
    return pieces
