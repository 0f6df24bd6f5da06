"""The transcript of one reply: folds the agent's events into blocks, pages, and files to attach. Pure.

An event becomes a block: words of the agent's, a line, or a run of tool calls. Joined, the blocks are one text, and the
text is cut into pages. Each part of the text is in one of three states, in this order:

    draft    the last words, which may still become something else: half a line, a table or a code block that has not
             ended. The converter holds them, and shows them as well as they can be shown now.
    settled  converted to Discord's Markdown for good, whatever comes behind. A block may still change as a whole: a
             tool call goes on, a plan ticks off. The open page shows what has settled, and the draft behind it.
    frozen   on a page that is full, or above a question. The page never changes again, and its text is forgotten. It
             marks nothing as going on: no step of a plan, and no tool call.

A chunk costs an append. All else happens when somebody asks for the pages, or when `PENDING` characters wait. It costs
what is new and the open pages, whatever lies before them.

The text alone decides what settles, and what has settled decides where a page ends: the pages are the same in whatever
chunks the text came, and whenever somebody looked. There is one exception: a page without room for what is expected
before the next look ends early, see `pages`. A question ends the page too, so that what follows stands below it.

When all pages are full the pager is `over`: the rest of the text goes into a file as it was written, and further pages
show only the bot's own lines.
"""

from acp import Event, MessageBegun, Subagent, SubagentToolCall, Text, Thought
from acp.schema import (
    AgentMessageChunk,
    AudioBlock,
    CompactionUpdate,
    EmbeddedResource,
    ImageBlock,
    Notice,
    Plan,
    ResourceLink,
    ToolCallUpdate,
    UsageUpdate,
)
from bot.config.appearance import Style
from bot.text.markdown import escape, shortened
from bot.text.sizes import format_size
from bot.user_messages import files as texts
from bot.user_messages import reply_lines

from .blocks import Block, Blocks, Line, Prose
from .converter import Draft, MarkdownConverter
from .line_diff import DiffBudget
from .pager import Pager
from .plan import notice_line, plan_lines
from .spool import Spool
from .subagents import SubagentLine, Subagents
from .thoughts import Thoughts
from .tool_call_history import ToolCallHistory
from .tool_calls import Call, Sent, merged
from .tool_runs import Entry
from .turn_summary import Receipt, cost_of
from .uploads import File, Link, UploadShelf, decoded, is_web, parts

LONGEST = 20_000_000
"""Characters of a turn's text, lines and patches; with more the turn is to be cancelled."""

PENDING = 8 * 1024
"""Characters that wait for the converter at most. To convert them takes 25 ms at the worst."""

MOST_CONVERTED = 300_000
"""Characters of words that are converted although the pages have room: most of them show nothing then."""

SLICE = 8 * 1024
"""Characters between two looks whether the pages are full: what goes into the file is not converted."""

NAME, REASON = 100, 300
"""Characters of a link's name, and of why a file is not sent: both can hold a path of any length."""


class Transcript:
    """What one reply shows, as far as it is known."""

    def __init__(self, style: Style = Style()) -> None:  # noqa: B008 - frozen
        """Start empty; `style` says how things look."""
        self._style = style
        self._shelf = UploadShelf()
        self._converter = MarkdownConverter(style, self._shelf)
        self._thoughts = None if style.thoughts == "off" else Thoughts(style.thoughts)
        self._thinking = False
        self._pager = Pager(style.max_pages)
        self._blocks = Blocks()
        self._pending: list[str] = []
        self._pending_size = 0
        self._size = 0
        """Characters that have been shown or put into a file."""
        self.said = 0
        """Characters that the agent has said."""
        self._calls, self._subagents = ToolCallHistory(), Subagents()
        self._budget = DiffBudget()
        self._plan = Line("")
        """The plan as it was shown last."""
        self._links: dict[Link, Line] = {}
        self._links_seen = 0
        self._lines = 0
        """Characters of lines since the last look whether the pages are full."""
        self._patches = Spool()
        self._files: list[File] = []
        self._usage: UsageUpdate | None = None
        self._closed = False
        """Whether the next words begin a new block."""
        self._fed = 0
        """Characters that the converter was given."""
        self._converted = 0
        """Those of them that did not go into files."""
        self._thought = 0
        """Characters of thoughts since the last look whether the pages are full."""
        self._leaving = self._as_written = False
        """Whether words go into the rest unconverted from the end of the next line on, and whether they do already."""
        self._ended = False
        self.has_text = False
        """Whether the agent has said or done anything that shows."""
        self.too_long = False
        """Whether there are more than `LONGEST` characters. Further events are dropped: cancel the turn."""

    # ---- what happens

    def apply(self, event: Event) -> bool:
        """Take an event of the turn; return whether it shows."""
        match event:
            case Text(text):
                self._add_text(text)
                if not text.strip():
                    return False  # It shows with the words behind it, if there are any.
            case MessageBegun():
                self._begin_message()
                return False
            case Thought(text):
                return self._add_thought(text)
            case ToolCallUpdate():
                return self._add_tool_call(event)
            case Subagent():
                return self._show_subagent(event)
            case SubagentToolCall(subagent, update):
                return self._add_subagents_call(subagent, update)
            case Plan():
                if not self._show_plan(event):
                    return False
                if not event.entries:
                    return True
            case AgentMessageChunk(content=content):
                self._add_content(content)
            case Notice() | CompactionUpdate():
                if not (line := notice_line(event)):
                    return False
                self._add_block(Line(line))
            case UsageUpdate():
                self._usage = event
                return False
            case _:
                return False
        self.has_text = True
        return True

    def line(self, text: str) -> None:
        """Add the bot's own lines. A page shows them even where the rest of the text is in a file."""
        self._add_block(Line(text, own=True))

    def break_at_question(self) -> int:
        """End the open page, for a question follows; return the number of pages above it.

        A tool call that has not ended is shown below the question when it goes on, and a subagent that works is shown
        there at once. The last page that is allowed does not end: it stands below all further questions.
        """
        if not self._pager.takes_breaks:
            return self._pager.count
        text, running = "", list[Entry]()
        if not self._pager.over:
            self._interrupt()
            running = self._blocks.take_running()
            for entry in running:
                entry.waits = True
            self._follow_run()
            self._freeze()
            text = "".join(self._blocks.frozen(self._blocks.pieces()))
        if self._pager.over:
            self._take_notices()
        else:
            self._blocks.clear()
        above = self._pager.break_at_question(text)
        for entry in running:
            if entry.is_subagent:  # It works on while others wait for the answer.
                self._list(entry)
        return above

    def end(self) -> None:
        """End the turn: what is unfinished is shown as it is.

        Late events are shown where there is room, but no further file is announced.
        """
        if self._ended:
            return
        self._ended = True
        self._interrupt()
        for link in self.wanted():
            self.supply(link, texts.NOT_READ)
        self._shelf.closed = True
        for call in self._calls:
            call.over = True
        self._plan.text = self._plan.render(frozen=True)
        self._subagents.end()
        self._follow_run()
        self._freeze()
        for name, spool in self._spools():
            if spool.lost:
                size = format_size(spool.size)
                self.line(texts.ends_early(name, size, escape(spool.trouble)))
        self._files = self._found()
        self._pager.turn_late()
        self._leaving = self._as_written = False

    def close(self) -> None:
        """Release the files. Their `read` must not be used afterwards."""
        for _, spool in self._spools():
            spool.close()

    def _spools(self) -> list[tuple[str, Spool]]:
        kept = [(name, spool) for name, spool, _ in self._shelf.kept]
        return [*kept, ("reply.md", self._pager.rest), ("changes.patch", self._patches)]

    # ---- what is known

    def tool_call(self, update: ToolCallUpdate, subagent: Subagent | None = None) -> ToolCallUpdate:
        """Return all that is known of a tool call that a question is about: `update` may hold no more than its id.

        The changes that it names are remembered: some agents name them nowhere else. `subagent` is the one that asks.
        """
        call = self._calls.of(update.tool_call_id, subagent)
        if not call.ended:
            self._budget.renew()
            call.compare(update, self._style, self._budget)
        return merged(call.update, update)

    def pages(self, coming: int = 0) -> list[str]:
        """Return all pages, most of them frozen, see `Pager.pages`. Each has text: Discord refuses empty messages.

        `coming` is how many characters are expected before the next call. A page that has no room for them ends now:
        then they are one new page, and not the rest of one page and the beginning of another.
        """
        self._drain()
        text = self._freeze()
        if coming and self._pager.is_short(text, self._draft(), coming):
            text = self._end_page()
        return self._pager.pages(text, self._draft())

    def files(self) -> list[File]:
        """Return the files that were announced so far, in that order.

        The rest of a text that is too long for pages, and the patch, follow at the end of the turn.
        """
        return self._files if self._ended else self._found()

    def _found(self) -> list[File]:
        pages = self.pages()
        last = max(0, len(pages) - 1)
        found = [
            File(name, next((at for at, page in enumerate(pages) if line in page), last), spool, 0, spool.size)
            for name, spool, line in self._shelf.kept
        ]
        if self._ended:
            found += parts("reply.md", self._pager.last_page, self._pager.rest)
            if self._pager.over or not self._calls.shows_changes():
                found += parts("changes.patch", last, self._patches)
        return found

    def receipt(self, seconds: float, *, cost_before: float | None = 0.0) -> Receipt:
        """Return what the turn came to.

        `cost_before` is the session's cost when the turn began, in the same currency; None where it is unknown.
        """
        tally = self._calls.tally()
        usage = self._usage
        cost, currency = (None, "") if usage is None else cost_of(usage)
        return Receipt(
            seconds,
            tools=tally.tools,
            failed=tally.failed,
            files=len(tally.paths),
            added=tally.added,
            removed=tally.removed,
            tokens=None if usage is None else usage.used,
            window=None if usage is None else usage.size,
            cost=None if cost is None or cost_before is None else max(0.0, cost - cost_before),
            currency=currency,
        )

    # ---- links to files, which the caller reads

    def wanted(self) -> list[Link]:
        """Return the agent's links to files that have not been supplied yet."""
        return list(self._links)

    def supply(self, link: Link, found: bytes | str) -> None:
        """Take the bytes of the file that a link leads to, or the reason why they are not sent."""
        line = self._links.pop(link, None)
        if line is None:
            return
        text = self._attach(link.name, found) if isinstance(found, bytes) else _not_sent(link.name, found)
        if self._blocks.holds(line):
            self._count(len(text))
            line.text = text
        else:
            self._add_block(Line(text))

    # ---- words

    def _count(self, characters: int) -> bool:
        """Count characters; return whether there is room for them."""
        self._size += characters
        if self._size <= LONGEST:
            return True
        self.too_long = True
        return False

    def _add_text(self, text: str) -> None:
        size = len(text)
        self.said += size
        if not self._count(size):
            return
        if self._thinking:
            self._interrupt()
        if self._blocks.open_run is not None and text.strip():
            self._follow_run()
        self._pending.append(text)
        self._pending_size += size
        if self._pending_size > PENDING:
            self._drain()
            self._freeze()

    def _begin_message(self) -> None:
        """Put a blank line between two messages of the agent's with nothing else between them."""
        if self.has_text and not self._thinking and (self._pending or not self._closed):
            self._add_text("\n\n")

    def _drain(self) -> None:
        """Give the converter what was said."""
        text = "".join(self._pending)
        self._pending.clear()
        self._pending_size = 0
        if text and "\ud800" <= text[-1] <= "\udbff":
            # The agent cut its text between the halves of a character outside the basic plane.
            self._pending.append(text[-1])
            text = text[:-1]
        self._write(_whole(text))

    def _write(self, text: str) -> None:
        at = 0
        while at < len(text):
            if self._as_written:
                self._settle(text[at:])
                return
            end = at + SLICE - self._fed % SLICE
            if self._leaving and not self._converter.in_file:
                end = text.find("\n", at, end) + 1 or end
            piece = text[at:end]
            self._settle(self._converter.feed(piece))
            self._fed += len(piece)
            self._converted += 0 if self._converter.in_file else len(piece)
            at = end
            self._stop_where_full(piece)

    def _settle(self, text: str) -> None:
        self._blocks.settle(text, apart=self._closed)
        self._closed = False

    def _stop_where_full(self, piece: str) -> None:
        """Stop converting where the pages are full: at the same place in whatever chunks the text came."""
        full = self._fed % SLICE == 0
        if self._leaving and not self._converter.in_file and (full or piece.endswith("\n")):
            self._settle(self._converter.close())
            self._settle(self._converter.reopening)
            self._as_written = True
        elif full and not self._leaving:
            self._freeze()
            if self._converted > MOST_CONVERTED and not self._pager.over:
                pieces = self._blocks.frozen(self._blocks.pieces())
                self._blocks.drop(pieces, self._pager.fill("".join(pieces)))
            self._leaving = self._pager.over

    def _interrupt(self) -> None:
        """Settle all words: another kind of block follows, or the end."""
        if self._thinking and self._thoughts is not None:
            self._blocks.settle(self._thoughts.close())
            self._thinking = False
        else:
            self._drain()
            halves, self._pending = self._pending, []
            self._write(_whole("".join(halves)))
            if not self._as_written:
                self._blocks.settle(self._converter.close())
        self._closed = True

    def _add_block(self, block: Block) -> bool:
        """Add a block; return whether there is room. The bot's own lines always have it."""
        size, own = len(block.render()), isinstance(block, Line) and block.own
        if not self._count(size) and not own:
            return False
        self._interrupt()
        self._follow_run()
        self._make_room(size)
        self._blocks.add(block)
        return True

    def _follow_run(self) -> None:
        """Fold the last run of tool calls into one line: something follows it, or the end.

        The pages that it has filled stay as they are, also before the first look at them.
        """
        run, self._blocks.open_run = self._blocks.open_run, None
        if run is not None and run.is_long:
            self._freeze()
            run.followed = True

    def _make_room(self, characters: int) -> None:
        """Freeze full pages now and then, so that of any number of lines only a few pages are kept."""
        self._lines += characters
        if self._lines > SLICE:
            self._lines = 0
            self._freeze()

    def _add_thought(self, text: str) -> bool:
        if self._thoughts is None:
            return False
        self.said += len(text)
        if not self._count(len(text)):
            return False
        if not self._thinking:
            self._add_block(Prose())
            self._thinking = True
        text = _whole(text)
        for at in range(0, len(text), SLICE):
            take = self._thoughts.quote if self._pager.over else self._thoughts.feed
            self._blocks.settle(take(text[at : at + SLICE]))
            self._thought += min(SLICE, len(text) - at)
            if self._thought >= SLICE:
                self._thought = 0
                self._freeze()
        self.has_text = True
        return True

    # ---- tools, plan, content

    def _add_tool_call(self, update: ToolCallUpdate) -> bool:
        """Show a tool call on one line. Its id decides which one it is: some are announced twice, some never."""
        call = self._calls.of(update.tool_call_id)
        had_ended, is_new = call.ended, not call.is_known
        sent = self._take(call, update)
        waits = call.waits and call.is_pending
        if self._style.tools != "off" and not call.listed and not waits and not (had_ended and call.ended):
            self._list(call)
        elif is_new:
            self._interrupt()  # The words behind a call that is not shown are not those before it.
        return self._shown_with(sent)

    def _take(self, call: Call, update: ToolCallUpdate) -> tuple[Sent, ...]:
        """Apply an update to a call, and keep the patch of one that ends; return the data that it brought."""
        had_ended = call.ended
        self._budget.renew()
        sent = call.take(update, self._style, self._budget)
        self._calls.lighten(call)
        if call.ended and not had_ended:
            for patch in call.take_patches():
                if self._count(len(patch)) and not self._ended:
                    self._patches.write(patch.encode(errors="replace"))
        return sent

    def _list(self, entry: Entry) -> None:
        """Give a tool call or a subagent a line at the end."""
        size = len(entry.line(self._style))
        if self._count(size):
            self._interrupt()
            self._make_room(size)
            self._blocks.run(self._style).add(entry)

    def _shown_with(self, sent: tuple[Sent, ...]) -> bool:
        """Send what a call brought; return whether anything shows."""
        for each in sent:
            self._send(each)
        shows = self._style.tools != "off" or bool(sent)
        self.has_text = self.has_text or shows
        return shows

    def _show_subagent(self, subagent: Subagent) -> bool:
        """Show a subagent on one line, from the time when it works here. Its end gets another one if need be."""
        line = self._subagents.change(subagent)
        if line is None or self._style.tools == "off":
            return False
        self._list_subagent(line)
        self.has_text = True
        return True

    def _add_subagents_call(self, subagent: Subagent, update: ToolCallUpdate) -> bool:
        """Show a tool call of a subagent on that one's line. The agent's own words go on around it."""
        call = self._calls.of(update.tool_call_id, subagent)
        repeats = call.ended
        sent = self._take(call, update)
        if self._style.tools != "off" and not (repeats and call.ended) and self._count(len(call.line(self._style))):
            self._list_subagent(self._subagents.call(subagent, call))
        return self._shown_with(sent)

    def _list_subagent(self, line: SubagentLine) -> None:
        """Give a subagent a line, unless it has one: a page that is full keeps what it showed."""
        if not (line.listed if self._pager.over else self._blocks.lists(line)):
            self._list(line)

    def _show_plan(self, plan: Plan) -> bool:
        """Show the plan as it is now; return False where it has not changed since it was shown."""
        text, frozen = plan_lines(plan.entries, frozen=self._ended), plan_lines(plan.entries, frozen=True)
        if text == self._plan.text:
            return False
        if self._blocks.holds(self._plan):
            self._plan.text, self._plan.frozen = text, frozen
        else:
            self._plan = Line(text, live=True, frozen=frozen)  # What is on a frozen page stays as it was.
            self._add_block(self._plan)
        return True

    def _add_content(self, content: object) -> None:
        match content:
            case ImageBlock() | AudioBlock() | EmbeddedResource():
                self._send(content)
            case ResourceLink(name=name, uri=uri) if is_web(uri):
                self._add_block(Line(f"📎 {_named(name)}: <{uri}>"))
            case ResourceLink(name=name) if self._ended:
                self._add_block(Line(_not_sent(name, texts.AFTER_THE_END)))
            case ResourceLink(name=name, uri=uri):
                self._links_seen += 1
                line = Line(f"-# 📎 {_named(name)} …")
                if self._add_block(line):
                    self._links[Link(name, uri, self._links_seen)] = line
            case _:
                kind = shortened(str(getattr(content, "type", "")), NAME)
                self._add_block(Line(reply_lines.not_shown(kind)))

    def _send(self, content: Sent) -> None:
        if self.too_long:
            return
        name, found = decoded(content)
        text = _not_sent(name, found) if isinstance(found, str) else self._attach(name, found)
        self._add_block(Line(text))

    def _attach(self, name: str, data: bytes) -> str:
        """Put a file on the shelf; return the line that announces it, or says why it is not sent."""
        if self._shelf.full:
            reason = texts.AFTER_THE_END if self._shelf.closed else texts.TOO_MANY_FILES
            return texts.not_posted(escape(name), reason)
        name, spool = self._shelf.name(name), Spool(data)
        if spool.lost:
            return texts.not_posted(f"`{name}`", texts.not_written(escape(spool.trouble)))
        line = f"📎 `{name}` · {format_size(len(data))}"
        self._shelf.keep(name, spool, line)
        return line

    # ---- pages

    def _draft(self) -> Draft:
        if self._thinking and self._thoughts is not None:
            return Draft(self._thoughts.draft())
        if self._as_written:
            return Draft()
        return self._converter.draft()

    def _freeze(self) -> str:
        """Freeze the pages that are full, and forget their text; return the settled text behind them."""
        text = "" if self._pager.over else self._freeze_full_pages()
        if self._pager.over:  # Since now, or before: the bot's own lines have pages, and all else goes into the rest.
            self._take_notices()
            text = self._freeze_full_pages()
            if self._ended:
                self._pager.finish(text)
                self._blocks.clear()
                return ""
        return text

    def _take_notices(self) -> None:
        for own in self._blocks.take_own():
            self._pager.notice(own)

    def _freeze_full_pages(self) -> str:
        shown = self._blocks.pieces()
        text = "".join(shown)
        if self._pager.has_room(text):
            return text
        pieces = self._blocks.frozen(shown)
        end = self._pager.freeze(
            "".join(pieces),
            complete=not self._converter.in_line,
            words_end=self._blocks.words_end(pieces),
            live=self._blocks.live(pieces),
        )
        self._blocks.drop(pieces, end)
        return text[end:]

    def _end_page(self) -> str:
        """End the open page; return the settled text behind it."""
        if not self._thinking:
            self._blocks.settle(self._converter.settle_words())
        shown = self._blocks.pieces()
        text, pieces = "".join(shown), self._blocks.frozen(shown)
        end = self._pager.end_page("".join(pieces), self._draft(), self._blocks.live(pieces))
        self._blocks.drop(pieces, end)
        return text[end:]


def _named(name: str) -> str:
    return escape(shortened(name, NAME))


def _not_sent(name: str, reason: str) -> str:
    return texts.not_posted(_named(name), escape(shortened(reason, REASON)))


def _whole(text: str) -> str:
    """Join the halves of characters; a half without the other one is replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
