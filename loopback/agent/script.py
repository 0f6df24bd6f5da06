"""Parses a prompt into directives for the scripted agent. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

KINDS = ("read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode", "other")
"""The tool kinds of the protocol (ToolKind)."""

STOP_REASONS = ("end_turn", "max_tokens", "max_turn_requests", "refusal", "cancelled")
"""The stop reasons of the protocol (StopReason)."""

STEERING = ("injected", "promptRequired", "startedNewTurn", "error", "junk", "none", "crash")
"""How the agent answers a message into a running turn."""

COMMANDS = {"plan": "Lay out the steps before acting", "web": "Look something up"}
"""The agent's slash commands. A line `/plan A | B` means the directive `plan A | B`."""


@dataclass(frozen=True, slots=True)
class Directive:
    """A word of `GRAMMAR` and its arguments by name. Omitted arguments are absent."""

    word: str
    arguments: dict[str, str] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """Return the argument as text."""
        return self.arguments.get(name, default)

    def whole(self, name: str, default: int = 0) -> int:
        """Return the argument as an integer."""
        return int(self.arguments.get(name, default))

    def number(self, name: str, default: float = 0.0) -> float:
        """Return the argument as a number."""
        return float(self.arguments.get(name, default))


@dataclass(frozen=True, slots=True)
class Word:
    """A directive's grammar: its usage, its meaning, and the pattern of its arguments."""

    usage: str
    meaning: str
    pattern: str


_KIND = f"(?P<kind>{'|'.join(KINDS)})"
_NUMBER = r"\d+(?:\.\d+)?"
_TEXT = "(?P<text>.+)"

GRAMMAR: dict[str, Word] = {
    "say": Word("say TEXT", "one chunk of text", _TEXT),
    "echo": Word("echo [TEXT]", "TEXT, or without it everything that the prompt holds", "(?P<text>.+)?"),
    "type": Word("type RATE TEXT", "TEXT a word at a time, RATE words a second", rf"(?P<rate>{_NUMBER}) {_TEXT}"),
    "stream": Word(
        "stream N [RATE]",
        "the numbers 1 to N, a chunk each, RATE a second (50; 0 = no pause)",
        rf"(?P<count>\d+)(?: (?P<rate>{_NUMBER}))?",
    ),
    "code": Word("code LINES", "a fenced block of that many lines", r"(?P<lines>\d+)"),
    "think": Word("think TEXT", "one chunk of thought", _TEXT),
    "tool": Word("tool KIND TITLE", "a tool call, from pending to completed", f"{_KIND} (?P<title>.+)"),
    "plan": Word("plan A | B | C", "a plan whose first step is in progress", "(?P<steps>.+)"),
    "tick": Word("tick", "completes the plan's current step, and begins the next", ""),
    "web": Word("web QUERY", "a tool call that looks something up", "(?P<query>.+)"),
    "ask": Word(
        "ask KIND TITLE",
        "a tool call that needs permission: `allowed (OPTION)`, `rejected (OPTION)`; in mode auto `acted unasked`",
        f"{_KIND} (?P<title>.+)",
    ),
    "permit": Word(
        "permit KIND TITLE",
        "like ask, but silent when allowed; ends the turn politely when rejected",
        f"{_KIND} (?P<title>.+)",
    ),
    "write": Word("write PATH", "asks with a diff, then writes a small file below the cwd", r"(?P<path>\S+)"),
    "subagent": Word(
        "subagent NAME TASK", "starts a subagent, which works beside the agent", r"(?P<name>\w+) (?P<task>.+)"
    ),
    "by": Word(
        "by NAME DIRECTIVE",
        "`say`, `tool` or `ask` by that subagent; its question does not hold up the script",
        r"(?P<name>\w+) (?P<what>(?:say|tool|ask) .+)",
    ),
    "join": Word(
        "join [quiet]", "waits for the subagents, and says how their questions were answered", "(?P<quiet>quiet)?"
    ),
    "hang": Word("hang [deaf]", "nothing more until session/cancel; deaf: not even then", "(?P<deaf>deaf)?"),
    "crash": Word("crash [CODE]", "two lines on stderr, then exits at once with CODE (3)", r"(?P<code>\d+)?"),
    "huge": Word("huge BYTES", "one chunk of that many bytes of text, on one line", r"(?P<size>\d+)"),
    "stderr": Word("stderr BYTES", "that many bytes on stderr", r"(?P<size>\d+)"),
    "junk": Word("junk", "a line on stdout that is not JSON", ""),
    "child": Word(
        "child [deaf] [setsid]",
        "starts a process that sleeps; deaf: it ignores SIGTERM; setsid: in a session of its own",
        "(?P<deaf>deaf)? ?(?P<setsid>setsid)?",
    ),
    "hold": Word(
        "hold MIB [late]",
        "that many MiB of memory more, from now on; late: after the prompt's response",
        r"(?P<size>\d+)(?P<late> late)?",
    ),
    "shell": Word("shell COMMAND", "runs a line of shell itself; its output, and its exit code", "(?P<command>.+)"),
    "client-run": Word("client-run COMMAND", "the same in a terminal of the client", "(?P<command>.+)"),
    "client-read": Word("client-read PATH", "a text file's content through the client", r"(?P<path>/\S+)"),
    "client-write": Word("client-write PATH TEXT", "writes a text file through the client", rf"(?P<path>/\S+) {_TEXT}"),
    "env": Word("env [NAME]", "the environment's names, or one value or `unset`", r"(?P<name>\w+)?"),
    "cwd": Word("cwd", "the session's working directory", ""),
    "pid": Word("pid", "the agent's process id", ""),
    "mode": Word("mode", "the session's current mode", ""),
    "recall": Word("recall", "how many prompts this session has had, this one included, and the first one's text", ""),
    "stop": Word("stop REASON", "ends the turn with that stop reason", f"(?P<reason>{'|'.join(STOP_REASONS)})"),
    "error": Word(
        "error CODE MESSAGE", "answers the prompt by that JSON-RPC error, with data", r"(?P<code>-?\d+) (?P<message>.+)"
    ),
    "late": Word("late TEXT", "one chunk of text after the prompt's response", _TEXT),
    "login": Word(
        "login KIND [late]",
        "pushes that its login is of this kind (none: logged out); late: after the prompt's response",
        r"(?P<kind>[a-z_]+)(?P<late> late)?",
    ),
    "steering": Word(
        "steering HOW [late]",
        f"how later messages into a turn are answered, if late, after its end: {', '.join(STEERING)}",
        f"(?P<how>{'|'.join(STEERING)})(?P<late> late)?",
    ),
    "vendor": Word("vendor METHOD", "sends an unknown request and says how it was answered", r"(?P<method>\S+)"),
    "gate": Word("gate PATH", "goes on when somebody has written to the FIFO at PATH, or closed it", r"(?P<path>/\S+)"),
    "sleep": Word("sleep SECONDS", "waits", f"(?P<seconds>{_NUMBER})"),
    "usage": Word("usage", "reports the context window's use and the cost", ""),
    "help": Word("help", "this list", ""),
}
"""Every directive by its word. A line whose arguments do not match is plain text."""


def read_line(line: str) -> Directive | None:
    """Parse a line as a directive, whose first word may be in any case. Returns None for plain text."""
    word, _, rest = line.strip().partition(" ")
    if word.startswith("/") and word[1:] in COMMANDS:
        word = word[1:]
    grammar = GRAMMAR.get(word.lower())
    if grammar is None:
        return None
    found = re.fullmatch(grammar.pattern, rest.strip())
    if found is None:
        return None
    return Directive(word.lower(), {name: value for name, value in found.groupdict().items() if value is not None})


def read_script(lines: Iterable[str]) -> list[Directive]:
    """Return the directives among these lines, in order."""
    return [directive for line in lines if (directive := read_line(line)) is not None]


def help_text() -> str:
    """List all directives, one a line, aligned for a fixed-width font."""
    width = max(len(word.usage) for word in GRAMMAR.values())
    return "\n".join(f"{word.usage:<{width}}  {word.meaning}" for word in GRAMMAR.values())
