"""Renders tool calls as compact lines: state, kind, title, place. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pydantic_core import to_json

from acp.schema import AudioBlock, Diff, EmbeddedResource, ImageBlock, TextBlock, ToolCallUpdate, ToolContent
from bot.config.appearance import Style
from bot.text.markdown import LIMIT, code_block, escape, shortened
from bot.user_messages import reply_lines
from bot.user_messages import subagents as texts

from .code_blocks import unfenced
from .diffs import Change, changes_of, excerpt, is_whole, left_out, place_of
from .line_diff import DiffBudget
from .tool_runs import MOST_PLACES, Folded

TITLE = 150
"""Characters of a title, and of a place."""

DIFF_LINES = {"compact": 8, "full": 16}

VALUE = 16
"""Bytes that a value in a structure takes in addition to its text, at least."""

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
    """One tool call, as far as it is known. When it has ended, what is large is dropped."""

    update: ToolCallUpdate
    key: str = ""
    """Its id, unique among those of the agent and its subagents."""
    changes: tuple[Change, ...] = ()
    """What it changes, as its last content with changes says, or a question about it."""
    paths: frozenset[str] = frozenset()
    output: str = ""
    places: int = 0
    """How many locations it names."""
    is_known: bool = False
    """Whether the agent has reported it, and not only asked about it."""
    listed: bool = False
    """Whether it is among the calls of a run."""
    over: bool = False
    """Whether the turn has ended, whatever the call's state is."""
    is_whole: bool = False
    """Whether its excerpts are all that it changes."""
    shows_all: bool = False
    """Whether they are among the lines that were rendered last."""
    waits: bool = False
    """Whether a question stands below the line that it had: it gets another one when it goes on."""
    weight: int = 0
    """About how many bytes it holds while it has not ended."""
    _compared: object = field(default=None, repr=False)
    _excerpts: tuple[str, ...] = field(default=(), repr=False)
    _weights: dict[str, int] = field(default_factory=dict, repr=False)

    @property
    def ended(self) -> bool:
        """Whether the agent has said how it ended."""
        return self.update.status in ENDED

    @property
    def is_pending(self) -> bool:
        """Whether it has not begun to run, as far as the agent has said."""
        return self.update.status in {None, "pending"}

    def take(self, update: ToolCallUpdate, style: Style, budget: DiffBudget | None = None) -> tuple[Sent, ...]:
        """Take an update; return the data that the call brought, once it has ended."""
        self.is_known = True
        # A call that begins again is another one with the same id: a question about it must show what that one does.
        if self.ended and (update.status is None or update.status in ENDED):
            self._merge(update.model_copy(update=_SMALL))
            self._shrink()
            return ()
        self._merge(update)
        self.compare(self.update, style, budget)
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

    def compare(self, update: ToolCallUpdate, style: Style, budget: DiffBudget | None = None) -> None:
        """Compare the texts where the agent sent new ones. Content without changes leaves the known changes."""
        content = update.content
        if content is self._compared or content is None:
            return
        self._compared = content
        if diffs := [part for part in content if isinstance(part, Diff)]:
            self.changes = changes_of(diffs, style.directory, budget or DiffBudget())
            shown = (excerpt(change, DIFF_LINES.get(style.tools, 0)) for change in self.changes[:3])
            self._excerpts = tuple(each for each in shown if each)  # A new file may be empty.
            self.is_whole = len(self._excerpts) == len(self.changes) and all(
                map(is_whole, self.changes, self._excerpts)
            )
            self.shows_all = False

    def take_patches(self) -> list[str]:
        """Return the patches, and drop them; excerpts of them are kept."""
        patches = [change.patch for change in self.changes]
        self.changes = tuple(replace(change, patch="") for change in self.changes)
        return patches

    def lighten(self) -> None:
        """Drop what is large before the call has ended; a question about it and the patch say so."""
        self.update = self.update.model_copy(update=self._short | {"content": None, "raw_input": reply_lines.FORGOTTEN})
        self.changes = tuple(left_out(change.path) for change in self.changes)
        self._compared, self._weights, self.weight = None, {}, 0

    def _merge(self, update: ToolCallUpdate) -> None:
        # The raw output is never shown.
        self.update = merged(self.update, update).model_copy(update={"raw_output": None})
        if update.locations is not None:
            self.places = len(update.locations)

    def _weigh(self, update: ToolCallUpdate) -> None:
        """Weigh an update; a change counts twice, as it came and as a patch."""
        for name in ("title", "content", "locations", "raw_input"):
            if (value := getattr(update, name)) is not None:
                self._weights[name] = weight_of(value) * (2 if name == "content" else 1)
        self.weight = sum(self._weights.values())

    @property
    def _short(self) -> dict[str, object]:
        title = None if self.update.title is None else shortened(self.update.title, TITLE)
        return {"title": title, "locations": (self.update.locations or [])[:1]}

    def _shrink(self) -> None:
        """Keep only what the call's line shows."""
        self.update = self.update.model_copy(update=self._short | _SMALL)
        self._compared, self._weights, self.weight = None, {}, 0

    @property
    def is_subagent(self) -> bool:
        """It is none."""
        return False

    def add_to(self, folded: Folded) -> None:
        """Count it."""
        folded.calls += 1
        folded.failed += self.update.status == "failed"
        folded.unfinished += not self.ended
        folded.added += sum(change.added for change in self.changes)
        folded.removed += sum(change.removed for change in self.changes)
        folded.add_paths(self.paths)

    def short(self, most: int) -> str:
        """Return what the call does in few characters, and whether it has failed."""
        failed = _STATES["failed"] if self.update.status == "failed" else ""
        title = texts.brief(self.update.title or self.update.kind or "tool", most)
        return " ".join(filter(None, (failed, _KINDS.get(self.update.kind or "", ""), title)))

    def line(self, style: Style, *, frozen: bool = False) -> str:
        """Return the call as one line of subtext; on a page that is `frozen` it does not say that the call runs."""
        update = self.update
        state = _STATES.get(update.status or "", "■" if self.over else "·" if frozen else "▸")
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
        """Return what follows the line: the changes, and with `output` the tool's output."""
        for shown in self._excerpts:
            yield code_block(shown, "diff")
        if output and self.output:
            yield code_block(self.output)


_SMALL = {"content": None, "raw_output": None, "raw_input": None}


def weight_of(value: object) -> int:
    """Return about how many bytes a part of an update takes: its length as JSON, and `VALUE` for each value.

    The count is made by compiled code: a few milliseconds for a megabyte.
    """
    try:
        data = to_json(value, fallback=str, inf_nan_mode="constants")
    except ValueError:  # A lone surrogate, which is no UTF-8: rare, and never weighed too light.
        data = str(value).encode(errors="replace")
    return len(data) + VALUE * data.count(b",")


def merged(earlier: ToolCallUpdate, update: ToolCallUpdate) -> ToolCallUpdate:
    """Merge a later update into an earlier one: fields that it leaves out stay (ACP, Tool Calls, Updating)."""
    names = (name for name in type(update).model_fields if getattr(update, name) is not None)
    return earlier.model_copy(update={name: getattr(update, name) for name in names})


def _sent(update: ToolCallUpdate) -> Iterator[Sent]:
    for part in update.content or ():
        if isinstance(part, ToolContent):
            match part.content:
                case ImageBlock() | AudioBlock():
                    yield part.content
                case EmbeddedResource(resource={"blob": _}):
                    yield part.content


def _output(update: ToolCallUpdate) -> str:
    """Return the last lines of a tool's text."""
    texts = [
        unfenced(part.content.text)
        for part in update.content or ()
        if isinstance(part, ToolContent) and isinstance(part.content, TextBlock)
    ]
    whole = "\n".join(texts).strip()[-LIMIT:]
    kept = "\n".join(whole.split("\n")[-OUTPUT_LINES:])
    return kept if len(kept) <= OUTPUT else "…" + kept[-OUTPUT:]
