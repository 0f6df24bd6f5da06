"""The demo: its drawing, its checks, and all of it with a small bot."""

import asyncio
import io
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback.agent import canned_replies
from loopback.demo import DemoLab, demo
from loopback.demo.checks import Conversation, check_plain, check_scripted
from loopback.demo.keyboard import Editor, typed_lines
from loopback.demo.markup import plain, styled
from loopback.demo.terminal import QUIET, Block, Button, Terminal
from loopback.state.entities import Message

SAMPLE_BOT = Path(__file__).with_name("sample_bot.py")
ROOT = Path(__file__).parents[2]
BOUND = 30.0
"""Seconds, only for hangs."""


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def name_of(some_id: int) -> str:
    """Return a name for any id."""
    return {1: "ann", 2: "general"}.get(some_id, "someone")


def words(text: str, width: int = 40) -> list[str]:
    """Return the text's lines as a terminal without colours shows them."""
    return [plain(line) for line in styled(text, width, name_of)]


def test_markdown_reads_well_in_a_terminal() -> None:
    """Marks become styles, fences an indent, mentions names."""
    assert words("**bold** `code` <@1> <#2> \\*no\\*\n- item\n-# small\n```python\nx = 1\n```\nend") == [
        "bold code @ann #general *no*",
        "• item",
        "small",
        "  x = 1",
        "end",
    ]
    assert [[span.style for span in line] for line in styled("```diff\n-a\n+b\n c\n```", 40, name_of)] == [
        ["removed"],
        ["added"],
        ["code"],
    ]


@given(st.text(alphabet="ab *`<@#1>|\\-#\n", max_size=200), st.integers(1, 30))
def test_no_line_is_wider_than_the_terminal(text: str, width: int) -> None:
    """It holds for any text and width."""
    assert all(len(line) <= width for line in words(text, width))


@given(st.text(alphabet="abc \n", max_size=200), st.integers(1, 30))
def test_folding_loses_no_letter(text: str, width: int) -> None:
    """Only spaces may disappear at a line break."""
    assert "".join("".join(words(text, width)).split()) == "".join(text.split())


def test_without_a_terminal_a_block_is_written_once_it_is_quiet() -> None:
    """A streaming block is not repeated at each change, and later changes are appended."""
    out, clock = io.StringIO(), Clock()
    terminal = Terminal(out, name_of, clock)
    terminal.show(1, Block("bot", "#general", "half"))
    terminal.draw()
    assert out.getvalue() == ""
    terminal.show(1, Block("bot", "#general", "half\nwhole", buttons=(Button("Allow once"),)))
    clock.now += QUIET
    terminal.draw()
    terminal.draw()
    assert out.getvalue().splitlines() == ["▌ bot  #general", "▌ half", "▌ whole", "▌ [ Allow once ] "]
    terminal.show(1, Block("bot", "#general", "half\nwhole\nmore"))
    terminal.draw(everything=True)
    assert out.getvalue().splitlines()[4:] == ["▌ bot  #general", "▌ more"]
    assert "\x1b" not in out.getvalue()


def test_on_a_terminal_a_changing_block_is_redrawn_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor goes up over the last drawing, and the final block is in the scrollback once."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    out = Tty()
    terminal = Terminal(out, name_of, Clock())
    terminal.show(1, Block("bot", "#general", "one"))
    terminal.draw()
    terminal.show(1, Block("bot", "#general", "one two"))
    terminal.draw()
    assert "\x1b[2F\x1b[J" in out.getvalue()
    before = len(out.getvalue())
    terminal.draw(everything=True)
    terminal.draw(everything=True)
    assert out.getvalue()[before:].count("one two") == 1


def test_an_unchanged_terminal_is_not_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A redraw would clear a selection many times a second. Other lines are drawn above the blocks."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    out = Tty()
    terminal = Terminal(out, name_of, Clock())
    terminal.footer = "> "
    terminal.show(1, Block("bot", "#general", "one"))
    terminal.draw()
    drawn = out.getvalue()
    terminal.draw()
    assert out.getvalue() == drawn
    terminal.footer = "> o"
    terminal.draw()
    assert out.getvalue().endswith("> o")
    terminal.say("a word")
    terminal.draw()
    assert out.getvalue().endswith("> o")
    assert out.getvalue().index("a word") < out.getvalue().rindex("one")


def test_a_conversation_taller_than_the_terminal_fits_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quiet blocks move to the scrollback. Changing ones show their last lines."""
    monkeypatch.setenv("LINES", "12")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out, clock = Tty(), Clock()
    terminal = Terminal(out, name_of, clock)
    terminal.show(1, Block("ann", "#general", "old"))
    clock.now += QUIET
    for key in (2, 3):
        terminal.show(key, Block("bot", "#general", "\n".join(f"{key}.{n}" for n in range(30))))
    terminal.draw()
    drawn = out.getvalue()
    assert "old" in drawn
    assert "2.29" in drawn
    assert "3.29" in drawn
    assert "2.0" not in drawn.replace("2.0m", "")
    assert drawn.count("\n") <= 3 + 10


def test_a_message_cannot_move_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its control characters become spaces."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Tty()
    terminal = Terminal(out, name_of, Clock())
    terminal.show(1, Block("bot", "#general", "a\x1b[2Jb\x07"))
    terminal.draw(everything=True)
    assert "\x1b[2J" not in out.getvalue()
    assert "\x07" not in out.getvalue()


def test_a_typed_line_can_be_edited() -> None:
    """Backspace, Ctrl-U, Ctrl-W, arrow keys without effect, Ctrl-D on an empty line."""
    editor = Editor()
    assert editor.type("helo\x7flo\x1b[A\n") == ["hello"]
    assert editor.type("one two\x17three") == []
    assert editor.buffer == "onethree"
    assert editor.type("\x04") == []
    assert not editor.ended
    assert editor.type("\x15x\ry") == ["x"]
    editor.type("\x7f\x04")
    assert editor.ended


async def test_lines_come_from_a_pipe_until_it_ends() -> None:
    """The last line needs no newline."""
    read, write = os.pipe()
    edits: list[str] = []
    with os.fdopen(read) as stream:
        async with typed_lines(stream, edits.append) as lines:
            os.write(write, "grüß\nlast".encode())
            os.close(write)
            assert [line async for line in lines] == ["grüß", "last"]
    assert edits[-1] == "last"


def message(*contents: str, start: float = 0.0, closed: bool = True) -> Message:
    """Return a message of the bot with these contents, a second apart."""
    buttons = [] if closed else [{"type": 1, "components": [{"type": 2, "label": "Allow once"}]}]
    history = [(start + second, content) for second, content in enumerate(contents)]
    return Message(1, 2, 3, 4, contents[-1], components=buttons, history=history)


def successful() -> Conversation:
    """Return a successful conversation."""
    cancelled = message("…", f"**{canned_replies.MODULES[0]}**\n-# cancelled", start=20)
    last = message("…", canned_replies.WORST, start=30)
    return Conversation(
        ann=[message("…", canned_replies.RETRY), cancelled, last],
        ben=[message("…", canned_replies.CAUSE, f"{canned_replies.CAUSE}\n{canned_replies.FIXED}", start=0.5)],
        card=message("May I?"),
        cancelled=cancelled,
        last=last,
    )


def test_a_successful_conversation_passes_every_check() -> None:
    """This includes the checks for any agent."""
    assert [check.wrong for check in (*check_scripted(successful()), *check_plain(successful())) if check.wrong] == []


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"ann": [message("…", "short")]}, "missing: 'The retry loop is small and lives in `http/retry.py`:'"),
        (
            {"ben": [message("…", f"{canned_replies.CAUSE}\n{canned_replies.FIXED}", start=50)]},
            "one began 49.0 s after the other",
        ),
        ({"card": None}, "no question was asked"),
        ({"card": message("May I?", closed=False)}, "its buttons can still be pressed"),
        ({"cancelled": None}, "it never began"),
        ({"cancelled": message("…", "all of it")}, "it ends with 'all of it'"),
        ({"cancelled": message(f"{canned_replies.REVIEW}\n-# cancelled")}, "it was told to its end"),
        ({"ben": [message("…", "x" * 2_001, "x"), message("…")]}, "2001"),
        ({"ben": [message("…")]}, "left: '…'"),
    ],
)
def test_each_check_finds_its_fault(change: dict[str, object], wrong: str) -> None:
    """Each failure of the conversation has its own text."""
    played = Conversation(**{**vars(successful()), **change})
    assert any(check.wrong.startswith(wrong) for check in check_scripted(played))


def sample_bot(stage: DemoLab) -> list[str]:
    """Return the argv of the small bot."""
    return [sys.executable, str(SAMPLE_BOT), stage.discord.endpoint, stage.bot.token]


async def test_the_scripted_conversation_succeeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has two threads, a permission and a cancel, and leaves no process."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr("loopback.demo.scenario.READING", 0.2)
    out = io.StringIO()
    code = await demo(bot=sample_bot, once=True, scripted=True, out=out, workdir=tmp_path)
    assert code == 0, out.getvalue()
    assert "not ok" not in out.getvalue()
    assert out.getvalue().count("    ok  ") == 10
    assert "ben presses [ Allow once ]" in out.getvalue()


async def test_the_demo_works_with_any_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes two plain requests, and checks only what holds for every agent."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr("loopback.demo.scenario.SETTLED", 1.5)
    out = io.StringIO()
    code = await demo(bot=sample_bot, once=True, scripted=False, out=out, workdir=tmp_path)
    assert code == 0, out.getvalue()
    assert out.getvalue().count("    ok  ") == 6


async def test_a_person_continues_from_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines go to the channel, then to the thread that they opened. Other commands go to the bot."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr("loopback.demo.scenario.READING", 0.2)
    script = "@threadline say hello from stdin\nask edit a.py\n/click Reject\n/thread 9\n/as ben\n/nonsense\nhang\n"
    script += "/cancel\n/quit\n"
    read, write = os.pipe()
    os.write(write, script.encode())
    out = io.StringIO()
    with os.fdopen(read) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        code = await demo(bot=sample_bot, once=False, scripted=True, out=out, workdir=tmp_path)
    os.close(write)
    assert code == 0, out.getvalue()
    assert "▌ @threadline say hello from stdin\n" in out.getvalue()
    assert "ann presses [ Reject ]" in out.getvalue()
    assert "that did not work" in out.getvalue()
    assert "ben uses /cancel" in out.getvalue()
    assert len({*re.findall(r"http://127\.0\.0\.1:\d+/\?key=[\w-]{22}\n", out.getvalue())}) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_the_demo_and_its_bot(tmp_path: Path, number: signal.Signals) -> None:
    """SIGHUP comes from a closed terminal, without which the bot would run for ever."""
    before = signal.signal(number, lambda *_: None)  # A demo that ignores the signal must not end the tests.
    out = io.StringIO()

    def bot(_: DemoLab) -> list[str]:
        signal.raise_signal(number)
        return [sys.executable, "-c", "import signal; signal.pause()"]

    try:
        async with asyncio.timeout(BOUND):
            code = await demo(bot=bot, once=True, scripted=True, out=out, workdir=tmp_path)
    finally:
        signal.signal(number, before)
    assert code == 1
    assert "it was interrupted" in out.getvalue()


async def test_a_bot_that_dies_ends_the_demo_with_its_last_words(tmp_path: Path) -> None:
    """The demo does not wait for a dead bot, and shows its log."""
    out = io.StringIO()
    argv = [sys.executable, "-c", "raise SystemExit('no such token')"]
    code = await demo(bot=lambda _: argv, once=True, scripted=True, out=out, workdir=tmp_path)
    assert code == 1
    assert "the bot ended by itself, with exit code 1" in out.getvalue()
    assert "no such token" in out.getvalue()
