"""Renders tool calls as compact lines: state, kind, title, place. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from pydantic_core import to_json

from acp.schema import AudioBlock, Diff, EmbeddedResource, ImageBlock, TextBlock, ToolCallUpdate, ToolContent
from bot.config.appearance import Style
from bot.text.markdown import LIMIT, code_block, escape, shortened

from .diffs import Change, changes_of, excerpt, left_out, place_of
from .line_diff import Effort

__all__ = ["FORGOTTEN", "MOST", "Call", "Folded", "Sent", "fold", "lines_of", "merged"]

TITLE = 150
"""Characters of a title, and of a place."""

MOST = 6
"""Lines of one run of calls; of a longer run the earlier ones are counted."""

DIFF_LINES = {"compact": 8, "full": 16}

MOST_PLACES = 1000
"""Places of a call that count as files that it changed."""

VALUE = 16
"""Bytes that a value in a structure takes beside its text, at least."""

FORGOTTEN = "(no longer known here: the agent's tool calls held too much at one time)"

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
    """What it changes: by its last content that held changes, or by a question about it."""
    paths: frozenset[str] = frozenset()
    output: str = ""
    places: int = 0
    """How many places it names."""
    is_known: bool = False
    """The agent has told of it, and not only asked about it."""
    listed: bool = False
    """It stands among the calls of a run."""
    over: bool = False
    """The turn has ended, whatever the call's state says."""
    weight: int = 0
    """Bytes that it holds, about, while it has not ended."""
    _compared: object = field(default=None, repr=False)
    _excerpts: tuple[str, ...] = field(default=(), repr=False)
    _weights: dict[str, int] = field(default_factory=dict, repr=False)

    @property
    def ended(self) -> bool:
        """Whether the agent has said how it ended."""
        return self.update.status in ENDED

    def take(self, update: ToolCallUpdate, style: Style, effort: Effort | None = None) -> tuple[Sent, ...]:
        """Learn more. Returns the data that it brought, once: when it has ended."""
        self.is_known = True
        # One that begins again is another call under the same id, and a question about it must show what that does.
        if self.ended and (update.status is None or update.status in ENDED):
            self._merge(update.model_copy(update=_SMALL))
            self._shrink()
            return ()
        self._merge(update)
        self.compare(self.update, style, effort)
        if not self.ended:
            self._weigh(update)
            return ()
        sent = tuple(_sent(self.update))
        self.output = _output(self.update)
        if self.update.status == "completed":
            places = (self.update.locations or [])[:MOST_PLACES] if self.update.kind in _CHANGING else []
            self.paths = frozenset(change.path for change in self.changes) | {
                place_of(place.path, style.directory) for place in places
            }
        else:
            self.changes = self._excerpts = ()
        self._shrink()
        return sent

    def compare(self, update: ToolCallUpdate, style: Style, effort: Effort | None = None) -> None:
        """Compare texts only when the agent sent other ones. Content without changes leaves those that are known."""
        content = update.content
        if content is self._compared or content is None:
            return
        self._compared = content
        if diffs := [part for part in content if isinstance(part, Diff)]:
            self.changes = changes_of(diffs, style.directory, effort or Effort())
            shown = (excerpt(change, DIFF_LINES.get(style.tools, 0)) for change in self.changes[:3])
            self._excerpts = tuple(each for each in shown if each)  # A new file may be empty.

    def take_patches(self) -> list[str]:
        """Return the patches, once: what is shown of them is kept apart."""
        patches = [change.patch for change in self.changes]
        self.changes = tuple(replace(change, patch="") for change in self.changes)
        return patches

    def lighten(self) -> None:
        """Let go of what is large before it has ended. A question about it says so, and so does the patch."""
        self.update = self.update.model_copy(update=self._short | {"content": None, "raw_input": FORGOTTEN})
        self.changes = tuple(left_out(change.path) for change in self.changes)
        self._compared, self._weights, self.weight = None, {}, 0

    def _merge(self, update: ToolCallUpdate) -> None:
        # The raw output is never shown.
        self.update = merged(self.update, update).model_copy(update={"raw_output": None})
        if update.locations is not None:
            self.places = len(update.locations)

    def _weigh(self, update: ToolCallUpdate) -> None:
        """Weigh what has come; a change is there twice, as it came and as a patch."""
        for name in ("title", "content", "locations", "raw_input"):
            if (value := getattr(update, name)) is not None:
                self._weights[name] = weight_of(value) * (2 if name == "content" else 1)
        self.weight = sum(self._weights.values())

    @property
    def _short(self) -> dict[str, object]:
        title = None if self.update.title is None else shortened(self.update.title, TITLE)
        return {"title": title, "locations": (self.update.locations or [])[:1]}

    def _shrink(self) -> None:
        """Keep what its line shows."""
        self.update = self.update.model_copy(update=self._short | _SMALL)
        self._compared, self._weights, self.weight = None, {}, 0

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
        more = f" +{self.places - 1}" if self.places > 1 else ""
        if path in title or path.rpartition("/")[2] in title or places[0].path == style.directory:
            return ""
        return f"· {escape(shortened(path, TITLE))}{line}{more}"

    def details(self, *, output: bool) -> Iterator[str]:
        """Write what goes below the line: the changes, and with `output` what the tool said."""
        for shown in self._excerpts:
            yield code_block(shown, "diff")
        if output and self.output:
            yield code_block(self.output)


_SMALL = {"content": None, "raw_output": None, "raw_input": None}


def weight_of(value: object) -> int:
    """Return about how many bytes it takes to keep a part of an update: as JSON, and something for each of its values.

    Python's own code counts, whatever it is made of: a few milliseconds for a megabyte.
    """
    try:
        data = to_json(value, fallback=str, inf_nan_mode="constants")
    except ValueError:  # Half a character, which is no UTF-8: rare, and never weighed too light.
        data = str(value).encode(errors="replace")
    return len(data) + VALUE * data.count(b",")


def merged(earlier: ToolCallUpdate, update: ToolCallUpdate) -> ToolCallUpdate:
    """Put a later update over an earlier one; what it leaves out stays (ACP, Tool Calls, Updating)."""
    names = (name for name in type(update).model_fields if getattr(update, name) is not None)
    return earlier.model_copy(update={name: getattr(update, name) for name in names})


@dataclass(slots=True)
class Folded:
    """How many calls of a run are only counted, and how many of them failed."""

    calls: int = 0
    failed: int = 0

    def add(self, call: Call) -> None:
        """Count a call."""
        self.calls += 1
        self.failed += call.update.status == "failed"

    def line(self) -> str:
        """Write the count."""
        return f"-# ⋯ {self.calls} earlier" + (f", {self.failed} failed" if self.failed else "")


def fold(run: list[Call], folded: Folded) -> None:
    """Take out of a run what its lines do not show any more, for good, and count it."""
    for call in [call for call in run[:-MOST] if call.ended]:
        folded.add(call)
        call.listed = False
    run[:] = [call for call in run if call.listed]


def lines_of(run: Sequence[Call], style: Style, before: Folded = Folded()) -> str:  # noqa: B008 - read only
    """Write calls that follow each other: every one where `tools` is full, else the latest and those that run.

    `before` is what was folded out of the run.
    """
    if style.tools == "full":
        shown = ["\n".join([call.line(style), *call.details(output=True)]) for call in run]
        return "\n".join(shown)
    folded = [call for call in run[:-MOST] if call.ended or call.over] if len(run) > MOST else []
    hidden, count = set(map(id, folded)), replace(before)
    for call in folded:
        count.add(call)
    latest = next((call for call in reversed(run) if call.changes), None)
    lines = [count.line()] if count.calls else []
    for call in run:
        if id(call) not in hidden:
            lines.append(call.line(style))
            if call is latest:
                lines += call.details(output=False)
    return "\n".join(lines)


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
