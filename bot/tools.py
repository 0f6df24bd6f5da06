"""An agent's tool calls as compact lines: state, kind, title, place. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from acp.schema import AudioBlock, Diff, EmbeddedResource, ImageBlock, TextBlock, ToolCallUpdate, ToolContent

from .diffs import Change, change_of, excerpt, place_of
from .markdown import LIMIT, code_block, escape, shortened
from .style import Style

__all__ = ["Call", "Sent", "lines_of", "merged"]

TITLE = 150
"""Characters of a title, and of a place."""

MOST = 6
"""Lines of one run of calls; of a longer run the earlier ones are counted."""

DIFF_LINES = {"compact": 8, "full": 16}

OUTPUT_LINES = 6
OUTPUT = 400
"""Characters of a tool's output, where `tools` is full."""

ENDED = frozenset({"completed", "failed"})

_STATES = {"completed": "✔", "failed": "✘"}
_KINDS = {
    "read": "📖",
    "edit": "📝",
    "delete": "🗑",
    "move": "📦",
    "search": "🔎",
    "execute": "💻",
    "think": "💭",
    "fetch": "🌐",
    "switch_mode": "🔀",
}
_CHANGING = frozenset({"edit", "delete", "move"})

Sent = ImageBlock | AudioBlock | EmbeddedResource
"""Content that carries data."""


@dataclass(slots=True)
class Call:
    """One tool call, as far as it is known. Once it has ended, what is large is dropped."""

    update: ToolCallUpdate
    changes: tuple[Change, ...] = ()
    paths: frozenset[str] = frozenset()
    output: str = ""
    over: bool = False
    """The turn has ended, whatever the call's state says."""
    _compared: object = field(default=None, repr=False)

    @property
    def ended(self) -> bool:
        """Whether the agent has said how it ended."""
        return self.update.status in ENDED

    def take(self, update: ToolCallUpdate, style: Style) -> tuple[Sent, ...]:
        """Learn more. Returns the data that it brought, once: when it has ended."""
        # One that begins again is another call under the same id, and a question about it must show what that does.
        if self.ended and (update.status is None or update.status in ENDED):
            self.update = merged(self.update, update.model_copy(update=_SMALL))
            return ()
        self.update = merged(self.update, update)
        self._compare(style)
        if not self.ended:
            return ()
        sent = tuple(_sent(self.update))
        self.output = _output(self.update)
        if self.update.status == "completed":
            places = self.update.locations or [] if self.update.kind in _CHANGING else []
            self.paths = frozenset(change.path for change in self.changes) | {
                place_of(place.path, style.directory) for place in places
            }
        else:
            self.changes = ()
        self.update = self.update.model_copy(update=_SMALL)
        return sent

    def _compare(self, style: Style) -> None:
        """Compare texts only when the agent sent other ones: an update without content leaves it as it was."""
        content = self.update.content
        if content is self._compared or content is None:
            return
        self._compared = content
        found = (change_of(part, style.directory) for part in content if isinstance(part, Diff))
        self.changes = tuple(change for change in found if change is not None)

    def line(self, style: Style) -> str:
        """Write the call on one line of subtext."""
        update = self.update
        state = _STATES.get(update.status or "", "■" if self.over else "▸")
        title = shortened(update.title or update.kind or "tool", TITLE)
        words = [state, _KINDS.get(update.kind or "", ""), escape(title), self._place(title, style)]
        if self.changes:
            words.append(f"+{sum(each.added for each in self.changes)} −{sum(each.removed for each in self.changes)}")
        return "-# " + " ".join(word for word in words if word)

    def _place(self, title: str, style: Style) -> str:
        places = self.update.locations or []
        if not places:
            return ""
        path = place_of(places[0].path, style.directory)
        line = f":{places[0].line}" if places[0].line is not None else ""
        more = f" +{len(places) - 1}" if len(places) > 1 else ""
        if path in title or path.rpartition("/")[2] in title or places[0].path == style.directory:
            return ""
        return f"· {escape(shortened(path, TITLE))}{line}{more}"

    def details(self, most: int, *, output: bool) -> Iterator[str]:
        """Write what goes below the line: the changes, and with `output` what the tool said."""
        for change in self.changes[:3]:
            if shown := excerpt(change.patch, most):  # A new file may be empty.
                yield code_block(shown, "diff")
        if output and self.output:
            yield code_block(self.output)


_SMALL = {"content": None, "raw_output": None, "raw_input": None}


def merged(earlier: ToolCallUpdate, update: ToolCallUpdate) -> ToolCallUpdate:
    """Put a later update over an earlier one; what it leaves out stays (ACP, Tool Calls, Updating)."""
    names = (name for name in type(update).model_fields if getattr(update, name) is not None)
    return earlier.model_copy(update={name: getattr(update, name) for name in names})


def lines_of(run: Sequence[Call], style: Style) -> str:
    """Write calls that follow each other: every one where `tools` is full, else the latest and those that run."""
    if style.tools == "full":
        shown = ["\n".join([call.line(style), *call.details(DIFF_LINES["full"], output=True)]) for call in run]
        return "\n".join(shown)
    folded = [call for call in run[:-MOST] if call.ended or call.over] if len(run) > MOST else []
    hidden = set(map(id, folded))
    latest = next((call for call in reversed(run) if call.changes), None)
    lines = [_counted(folded)] if folded else []
    for call in run:
        if id(call) not in hidden:
            lines.append(call.line(style))
            if call is latest:
                lines += call.details(DIFF_LINES["compact"], output=False)
    return "\n".join(lines)


def _counted(calls: Sequence[Call]) -> str:
    failed = sum(call.update.status == "failed" for call in calls)
    return f"-# ⋯ {len(calls)} earlier" + (f", {failed} failed" if failed else "")


def _sent(update: ToolCallUpdate) -> Iterator[Sent]:
    for part in update.content or ():
        if isinstance(part, ToolContent):
            match part.content:
                case ImageBlock() | AudioBlock():
                    yield part.content
                case EmbeddedResource(resource={"blob": _}):
                    yield part.content


def _output(update: ToolCallUpdate) -> str:
    """Return the last lines of the text that a tool gave."""
    texts = [
        part.content.text
        for part in update.content or ()
        if isinstance(part, ToolContent) and isinstance(part.content, TextBlock)
    ]
    whole = "\n".join(texts).strip()[-LIMIT:]
    kept = "\n".join(whole.split("\n")[-OUTPUT_LINES:])
    return kept if len(kept) <= OUTPUT else "…" + kept[-OUTPUT:]
