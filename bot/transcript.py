"""What one reply shows: the agent's events folded into blocks, their text into pages, and what is attached. Pure.

A page that is full is frozen: it never changes again. Only the last page changes. A chunk costs an append; everything
else happens when somebody asks for the pages, and then costs what is new and the last page, whatever lies before.
Where pages are cut depends on the text and not on its chunks, nor on when somebody looked.
"""

from dataclasses import dataclass, field

from acp import Event, Text, Thought
from acp.schema import (
    AgentMessageChunk,
    AudioBlock,
    EmbeddedResource,
    ImageBlock,
    Plan,
    ResourceLink,
    ToolCallUpdate,
    UsageUpdate,
)

from .dialect import Dialect, Draft
from .files import File, Shelf, decoded, in_words, parts
from .links import Link, is_web
from .markdown import escape
from .pager import Pager, Span
from .plan import plan_lines
from .receipt import Receipt
from .spool import Spool
from .style import Style
from .thoughts import Thoughts
from .tools import Call, Sent, lines_of, merged

__all__ = ["LONGEST", "Transcript"]

LONGEST = 20_000_000
"""Characters of a turn's text; with more the turn is to be cancelled."""

PENDING = 64 * 1024
"""Characters that wait unread at most, if nobody asks for the pages."""


@dataclass(slots=True)
class _Prose:
    """A run of the agent's words, as far as they have settled."""

    parts: list[str] = field(default_factory=list)

    def render(self) -> str:
        """Join the parts once; later calls find one."""
        if len(self.parts) > 1:
            self.parts[:] = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""


@dataclass(slots=True)
class _Line:
    """Lines that are not the agent's words. `own`: the bot's, which belong on a page whatever happens."""

    text: str
    own: bool = False

    def render(self) -> str:
        """Return the lines."""
        return self.text


@dataclass(slots=True)
class _Tools:
    """Tool calls that follow each other."""

    style: Style
    calls: list[Call] = field(default_factory=list)

    def render(self) -> str:
        """Write the calls as they are now."""
        return lines_of(self.calls, self.style)


_Block = _Prose | _Line | _Tools


class Transcript:
    """The reply to one exchange, as far as it is known."""

    def __init__(self, style: Style = Style()) -> None:  # noqa: B008 - frozen
        """Start empty; `style` says how things look."""
        self._style = style
        self._shelf = Shelf()
        self._dialect = Dialect(style, self._shelf)
        self._thoughts = None if style.thoughts == "off" else Thoughts(style.thoughts)
        self._thinking = False
        self._pager = Pager(style.max_pages)
        self._blocks: list[_Block] = []
        self._pending: list[str] = []
        self._pending_size = 0
        self._size = 0
        self._calls: dict[str, Call] = {}
        self._plan: _Line | None = None
        self._links: dict[Link, _Line] = {}
        self._patches = Spool()
        self._usage: UsageUpdate | None = None
        self._closed = False
        self._ended = False
        self.has_text = False
        """Whether the agent has said or done anything that shows."""
        self.too_long = False
        """Whether the agent has said more than `LONGEST` characters. What came then is dropped: cancel the turn."""

    # ---- what happens

    def apply(self, event: Event) -> bool:
        """Take an event of the turn. Returns whether it shows."""
        match event:
            case Text(text):
                self._hear(text)
                if not text.strip():
                    return False  # It shows with the words behind it, if there are any.
            case Thought(text):
                return self._think(text)
            case ToolCallUpdate():
                return self._tool(event)
            case Plan():
                self._show_plan(event)
                if not event.entries:
                    return True
            case AgentMessageChunk(content=content):
                self._content(content)
            case UsageUpdate():
                self._usage = event
                return False
            case _:
                return False
        self.has_text = True
        return True

    def line(self, text: str) -> None:
        """Add lines of the bot's own. They are shown on a page, also where the rest of the text is in a file."""
        self._block(_Line(text, own=True))

    def end(self) -> None:
        """Say that the turn has ended: what is unfinished is shown as it is. Something may still come."""
        self._ended = True
        self._interrupt()
        for call in self._calls.values():
            call.over = True

    def close(self) -> None:
        """Let go of the files. `files` and their `read` must not be used afterwards."""
        for _, spool, _ in self._shelf.kept:
            spool.close()
        self._pager.rest.close()
        self._patches.close()

    # ---- what is known

    def tool_call(self, update: ToolCallUpdate) -> ToolCallUpdate:
        """Return all that is known of a tool call; a question may bring no more than its id."""
        known = self._calls.get(update.tool_call_id)
        return update if known is None else merged(known.update, update)

    def pages(self) -> list[str]:
        """Return all pages; those before the last are frozen. Empty pages, which Discord refuses, do not exist."""
        self._drain()
        text = self._freeze()
        return self._pager.pages(text, self._draft())

    def files(self) -> list[File]:
        """Return what is attached so far, in the order in which it was announced; the list only grows.

        The rest of a text that is too long for pages, and the patch, come with the end of the turn.
        """
        pages = self.pages()
        last = max(0, len(pages) - 1)
        found = [
            File(name, next((at for at, page in enumerate(pages) if line in page), last), spool, 0, spool.size)
            for name, spool, line in self._shelf.kept
        ]
        if self._ended:
            found += parts("reply.md", self._pager.last_page, self._pager.rest)
            found += parts("changes.patch", last, self._patches)
        return found

    def receipt(self, seconds: float, *, cost_before: float = 0.0) -> Receipt:
        """Return what the turn came to. `cost_before` is the session's cost when it began, in the same currency."""
        calls = self._calls.values()
        changes = [change for call in calls for change in call.changes]
        usage = self._usage
        cost = usage.cost if usage is not None and isinstance(usage.cost, dict) else {}
        amount = cost.get("amount")
        return Receipt(
            seconds,
            tools=len(calls),
            failed=sum(call.update.status == "failed" for call in calls),
            files=len(frozenset[str]().union(*(call.paths for call in calls))),
            added=sum(change.added for change in changes),
            removed=sum(change.removed for change in changes),
            tokens=None if usage is None else usage.used,
            window=None if usage is None else usage.size,
            cost=max(0.0, amount - cost_before) if isinstance(amount, int | float) else None,
            currency=str(cost.get("currency") or ""),
        )

    # ---- links to files, which somebody else reads

    def wanted(self) -> list[Link]:
        """Return the links to files that the agent sent and that have not been supplied yet."""
        return list(self._links)

    def supply(self, link: Link, found: bytes | str) -> None:
        """Bring what a link leads to: its bytes, or words that say why they are not sent."""
        line = self._links.pop(link, None)
        if line is None:
            return
        if isinstance(found, bytes):
            text = self._attach(link.name, found)
        else:
            text = f"-# 🚫 {escape(link.name)} was not sent: {escape(found)}"
        if any(block is line for block in self._blocks):
            line.text = text
        else:
            self.line(text)

    # ---- words

    def _hear(self, text: str) -> None:
        self._size += len(text)
        if self._size > LONGEST:
            self.too_long = True
            return
        if self._thinking:
            self._interrupt()
        self._pending.append(text)
        self._pending_size += len(text)
        if self._pending_size > PENDING:
            self._drain()
            self._freeze()

    def _drain(self) -> None:
        """Give what was said to the dialect."""
        text = "".join(self._pending)
        self._pending.clear()
        self._pending_size = 0
        if text and "\ud800" <= text[-1] <= "\udbff":
            # The first half of a character outside the basic plane; the agent cut its text between the two.
            self._pending.append(text[-1])
            text = text[:-1]
        self._write(_whole(text))

    def _write(self, text: str) -> None:
        if not text:
            return
        settled = self._dialect.feed(text)
        if self._closed or not self._blocks or not isinstance(self._blocks[-1], _Prose):
            self._blocks.append(_Prose())
            self._closed = False
        self._settle(settled)

    def _settle(self, text: str) -> None:
        last = self._blocks[-1] if self._blocks else None
        if text and isinstance(last, _Prose):
            last.parts.append(text)
        elif text:
            self._blocks.append(_Prose([text]))

    def _interrupt(self) -> None:
        """Settle all words: something that is not words follows, or nothing."""
        if self._thinking and self._thoughts is not None:
            self._settle(self._thoughts.close())
            self._thinking = False
        else:
            self._drain()
            halves, self._pending = self._pending, []
            self._write(_whole("".join(halves)))
            self._settle(self._dialect.close())
        self._closed = True

    def _block(self, block: _Block) -> None:
        self._interrupt()
        self._blocks.append(block)

    def _think(self, text: str) -> bool:
        if self._thoughts is None:
            return False
        self._size += len(text)
        if self._size > LONGEST:
            self.too_long = True
            return False
        if not self._thinking:
            self._block(_Prose())
            self._thinking = True
        self._settle(self._thoughts.feed(_whole(text)))
        self.has_text = True
        return True

    # ---- tools, plan, content

    def _tool(self, update: ToolCallUpdate) -> bool:
        """Show a tool call in one line; announced twice or never, its id decides."""
        call = self._calls.get(update.tool_call_id)
        if call is None:
            call = Call(ToolCallUpdate(tool_call_id=update.tool_call_id))
            self._calls[update.tool_call_id] = call
            if self._style.tools != "off":
                self._run().calls.append(call)
        had_ended = call.ended
        sent = call.take(update, self._style)
        if call.ended and not had_ended:
            for change in call.changes:
                self._patches.write(change.patch.encode(errors="replace"))
        for each in sent:
            self._send(each)
        shows = self._style.tools != "off" or bool(sent)
        self.has_text = self.has_text or shows
        return shows

    def _run(self) -> _Tools:
        """Return the run of calls that a new one belongs to: blank lines between two calls do not part them."""
        self._interrupt()
        for at in range(len(self._blocks) - 1, -1, -1):
            block = self._blocks[at]
            if isinstance(block, _Tools):
                del self._blocks[at + 1 :]
                return block
            if not isinstance(block, _Prose) or block.render().strip():
                break
        run = _Tools(self._style)
        self._blocks.append(run)
        return run

    def _show_plan(self, plan: Plan) -> None:
        if self._plan is None:
            self._plan = _Line("")
            self._block(self._plan)
        self._plan.text = plan_lines(plan.entries)

    def _content(self, content: object) -> None:
        match content:
            case ImageBlock() | AudioBlock() | EmbeddedResource():
                self._send(content)
            case ResourceLink(name=name, uri=uri) if is_web(uri):
                self._block(_Line(f"📎 {escape(name)}: <{uri}>"))
            case ResourceLink(name=name, uri=uri):
                link = Link(name, uri, len(self._calls) + len(self._links))
                self._links[link] = _Line(f"-# 📎 {escape(name)} …")
                self._block(self._links[link])
            case _:
                kind = str(getattr(content, "type", ""))
                self._block(_Line(f"-# 📎 (the agent sent {escape(kind)} content, which is not shown)"))

    def _send(self, content: Sent) -> None:
        found = decoded(content)
        text = f"-# 🚫 {escape(found)}" if isinstance(found, str) else self._attach(*found)
        self._block(_Line(text))

    def _attach(self, name: str, data: bytes) -> str:
        """Put a file on the shelf; return the line that announces it."""
        if self._shelf.full:
            return f"-# 🚫 {escape(name)} was not sent: the reply has too many files"
        name = self._shelf.name(name)
        line = f"📎 `{name}` · {in_words(len(data))}"
        self._shelf.keep(name, Spool(data), line)
        return line

    # ---- pages

    def _draft(self) -> Draft:
        if self._thinking and self._thoughts is not None:
            return Draft(self._thoughts.draft())
        return self._dialect.draft()

    def _freeze(self) -> str:
        """Freeze the pages that are full, and forget their text. Returns the settled text behind them."""
        while True:
            if self._pager.over:
                self._move_own_lines()
            pieces = _pieces(self._blocks)
            text = "".join(pieces)
            was_over = self._pager.over
            end = self._pager.freeze(
                text, complete=not self._dialect.in_line, words_end=self._words_end(pieces), live=self._live(pieces)
            )
            self._forget(pieces, end)
            if self._pager.over == was_over:
                break
        if self._pager.over and self._ended:
            self._pager.finish(text[end:])
            self._blocks.clear()
            self._plan = None
            return ""
        return text[end:]

    def _words_end(self, pieces: list[str]) -> int:
        """Return where the last piece that is not the bot's own ends in the text."""
        end = sum(map(len, pieces))
        for block, piece in zip(reversed(self._blocks), reversed(pieces), strict=True):
            if piece.strip() and not (isinstance(block, _Line) and block.own):
                break
            end -= len(piece)
        return end

    def _live(self, pieces: list[str]) -> list[Span]:
        """Return the parts of the text that may still change."""
        spans, at = [], 0
        for block, piece in zip(self._blocks, pieces, strict=True):
            if isinstance(block, _Tools) or block is self._plan:
                spans.append(Span(at, at + len(piece)))
            at += len(piece)
        return spans

    def _move_own_lines(self) -> None:
        for block in self._blocks:
            if isinstance(block, _Line) and block.own:
                self._pager.notice(block.text)
        self._blocks = [block for block in self._blocks if not (isinstance(block, _Line) and block.own)]

    def _forget(self, pieces: list[str], length: int) -> None:
        """Drop the first `length` characters of what the blocks show: they are on a frozen page."""
        kept: list[_Block] = []
        for block, piece in zip(self._blocks, pieces, strict=True):
            cut = min(length, len(piece))
            length -= cut
            if cut and block is self._plan:
                self._plan = None  # Later states of the plan begin a new list; this one stays as it was.
            if cut == 0:
                kept.append(block)
            elif cut < len(piece):
                rest = piece[cut:]
                own = isinstance(block, _Line) and block.own
                kept.append(_Prose([rest]) if isinstance(block, _Prose) else _Line(rest, own=own))
        self._blocks = kept


def _pieces(blocks: list[_Block]) -> list[str]:
    """Render blocks, each on lines of its own. Joined, the pieces are the text."""
    pieces: list[str] = []
    for block in blocks:
        rendered = block.render()
        starts = not pieces or pieces[-1].endswith("\n")
        pieces.append(rendered if starts else "\n" + rendered)
    return pieces


def _whole(text: str) -> str:
    """Put halves of characters together; one without its other half is replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
