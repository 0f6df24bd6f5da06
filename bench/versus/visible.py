"""What Discord's client shows of messages: the text by its style. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser

from bench.versus.hard_texts import HardText, Style
from loopback import Message
from loopback.state.components import text_of
from loopback.web.markdown import Names, to_html

_CODE_TAGS = frozenset({"pre", "code"})


@dataclass(slots=True)
class Shown:
    """The text of some messages, joined: all of it, and the parts of each style."""

    parts: dict[Style, str] = field(default_factory=lambda: dict.fromkeys(Style, ""))

    def add(self, style: Style, text: str) -> None:
        """Add text."""
        self.parts[style] += text


class _Reader(HTMLParser):
    """Reads the text of a message's HTML into `shown`."""

    def __init__(self, shown: Shown) -> None:
        super().__init__()
        self._shown = shown
        self._open: list[tuple[str, bool]] = []
        """The open tags, and whether each is a spoiler."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter an element."""
        named = dict(attrs)
        if tag == "a":
            self._shown.add(Style.LINK, f" {named.get('href')} ")
        if tag == "br":
            self._shown.add(Style.PLAIN, "\n")
            return
        self._open.append((tag, "spoiler" in (named.get("class") or "")))

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Take the text of an element."""
        self._shown.add(Style.PLAIN, data)
        if any(tag in _CODE_TAGS for tag, _ in self._open):
            self._shown.add(Style.CODE, data)
        if any(spoiler for _, spoiler in self._open):
            self._shown.add(Style.SPOILER, data)


def shown(messages: Iterable[Message], names: Names) -> Shown:
    """Return what is shown of these messages, without their files."""
    found = Shown()
    for message in messages:
        reader = _Reader(found)
        reader.feed(to_html(text_of(message), names))
        reader.close()
    return found


def files(messages: Iterable[Message]) -> str:
    """Return the text of the messages' files."""
    found = (each.content or b"" for message in messages for each in message.attachments)
    return "\n".join(content.decode(errors="replace") for content in found)


def fault_of(text: HardText, visible: str) -> str | None:
    """Return what is wrong with the marks of a text in what is visible: each once, in order. None if nothing is.

    White space does not count: Discord drops it at the borders of messages.
    """
    visible, marks = _compact(visible), [_compact(mark) for mark in text.marks]
    lost = [mark for mark in marks if mark not in visible]
    if lost:
        return f"{len(lost)} of {len(marks)} pieces are not there as {text.style}, such as {lost[0]!r}"
    twice = [mark for mark in marks if visible.count(mark) > 1]
    if twice:
        return f"{len(twice)} of {len(marks)} pieces are there more than once, such as {twice[0]!r}"
    places = [visible.index(mark) for mark in marks]
    return None if places == sorted(places) else "the pieces are not in order"


def _compact(text: str) -> str:
    return "".join(text.split())
