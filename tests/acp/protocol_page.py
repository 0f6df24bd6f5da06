"""Writes docs/protocol.md: `python -m tests.acp.protocol_page`. The tests compare it with the schema and the code."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from acp import timeouts
from acp.jsonrpc import INVALID_REQUEST, MAX_VALUES
from acp.line_splitter import MAX_LINE
from acp.schema import UPDATES
from acp.schema.base import MAX_ITEMS
from acp.subagents import MOST_SUBAGENTS

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


@dataclass(frozen=True)
class Row:
    """A method or kind of update: when it comes, how we handle it, and its bound in seconds."""

    name: str
    when: str
    what: str
    bound: float | None = None


SENT: tuple[Row, ...] = (
    Row("initialize", "at the start", "advertises only what is answered", timeouts.INITIALIZE_SECONDS),
    Row(
        "authenticate",
        "a login that needs no terminal",
        "its page is shown to one person",
        timeouts.AUTHENTICATE_SECONDS,
    ),
    Row("auth/status", "at the start, if `auth.status` is advertised", "nothing waits for the answer"),
    Row("logout", "if `auth.logout` is advertised", "", timeouts.SESSIONS_SECONDS),
    Row("session/new", "a thread's first message", "with the MCP servers and directories", timeouts.NEW_SECONDS),
    Row("session/resume", "a thread wakes; `resume` is advertised", "preferred: no replay", timeouts.LOAD_SECONDS),
    Row("session/load", "a thread wakes; only `loadSession` is", "the replay is not shown", timeouts.LOAD_SECONDS),
    Row(
        "session/fork",
        "`/fork` and `/btw`, if `fork` is advertised",
        "with the fork point where the agent reads one; the replay is not shown",
        timeouts.FORK_SECONDS,
    ),
    Row("session/list", "if `list` is advertised", "page by page, 10,000 sessions at most", timeouts.SESSIONS_SECONDS),
    Row("session/close", "`/reset`, and after a fork, if `close` is advertised", "", timeouts.CLOSE_SECONDS),
    Row(
        "session/delete",
        "`doctor` has ended, if `delete` is advertised",
        "its own sessions only",
        timeouts.CLOSE_SECONDS,
    ),
    Row("session/set_config_option", "an option is chosen", "selects and switches", timeouts.SETTING_SECONDS),
    Row("session/set_mode", "a mode that no config option has", "read back if reported", timeouts.SETTING_SECONDS),
    Row("session/set_model", "a model that no config option has", "no longer in the schema", timeouts.SETTING_SECONDS),
    Row("session/set_title", "a person renames the thread; `title` is advertised", "", timeouts.SETTING_SECONDS),
    Row("session/prompt", "a message", "one at a time; content that is not advertised is refused or becomes text"),
    Row(
        "_session/steering",
        "a message into the running turn, if `_meta.steering.supported` is advertised",
        "an extension of some agents; with `idleBehavior: promptRequired`",
        timeouts.STEERING_SECONDS,
    ),
    Row("session/cancel", "a person stops the turn", "the turn ends with its response", timeouts.CANCEL_SECONDS),
    Row("$/cancel_request", "a request is abandoned", "a late answer is dropped by its id"),
)

ASKED: tuple[Row, ...] = (
    Row("session/request_permission", "always", "a question in the thread; `cancelled` without a running turn"),
    Row("elicitation/create", "if offered", "a question in the thread; `cancel` without a running turn"),
    Row("elicitation/complete", "if offered", "the question says that it is done"),
    Row("fs/read_text_file", 'with `client = ["fs"]`', "after a question; inside the session's directories only"),
    Row("fs/write_text_file", 'with `client = ["fs"]`', "after a question that shows the change; inside them only"),
    Row("terminal/create", 'with `client = ["terminal"]`', "after a question that shows the command"),
    Row("terminal/output", 'with `client = ["terminal"]`', "done"),
    Row("terminal/wait_for_exit", 'with `client = ["terminal"]`', "done; the reader does not wait for it"),
    Row("terminal/kill", 'with `client = ["terminal"]`', "done, for everything that the command started"),
    Row("terminal/release", 'with `client = ["terminal"]`', "done, for everything that the command started"),
    Row("auth/status_update", "always", "the thread is told that the agent is logged out; a draft of the protocol"),
    Row("_auth/status_update", "always", "the same, as agents send it today"),
    Row("session/update", "always", "see below"),
    Row("$/cancel_request", "always", "the question is withdrawn, or the request abandoned; answered in both cases"),
)

TOLD: tuple[Row, ...] = (
    Row("agent_message_chunk", "", "the answer's text; other content as the reply shows it"),
    Row("agent_thought_chunk", "", "the agent's reasoning"),
    Row("user_message_chunk", "", "ignored: an echo, or history"),
    Row("tool_call", "", "upserted by its id"),
    Row("tool_call_update", "", "upserted by its id, announced or not; lists replace"),
    Row("plan", "", "replaces the one before"),
    Row("available_commands_update", "", "kept"),
    Row("current_mode_update", "", "kept; reading back a mode relies on it"),
    Row("config_option_update", "", "kept; replaces all options"),
    Row("session_info_update", "", "kept; a patch"),
    Row("usage_update", "", "kept"),
    Row("notice", "", "a line in the reply"),
    Row("compaction_update", "", "a line in the reply when it is done or has failed"),
    Row("compaction_summary_chunk", "", "not shown: it is the agent's own memory"),
    Row("subagent_update", "", "a line in the reply; the subagent's tool calls belong to it"),
)

INTRODUCTION = f"""\
# The protocol

Threadline speaks version 1 of the Agent Client Protocol over an agent's stdin and stdout: all of its stable part.
`python -m tests.acp.protocol_page` writes this page, and a test compares it with the protocol's schema.

Threadline tolerates an agent that answers another version, as long as the agent speaks version 1. A line may have
{MAX_LINE // 2**20} MiB, and briefly takes about three times its length in memory. A message may have {MAX_VALUES:,}
values (texts, numbers, objects and so on). Larger or broken messages are not read. The two ends of such a line show
what it is: a request is answered `{INVALID_REQUEST}`, a request of ours fails if the line was its answer, and a reply
says that something is missing. If the ends do not show it, the line may be a response, and the agent is stopped.
Threadline reads the first {MAX_ITEMS:,} items of a list.

Lines that are not messages are logged and skipped. A request with a method that is not in these tables, or that is not
offered, is answered `-32601`; a notification is ignored. An update of an unknown kind or with wrong fields is ignored,
and so is each optional field that is wrong.

A prompt has no limit: a turn takes as long as it takes, and can be cancelled. The limit of a cancel is how long the
agent may take to end the turn; then its connection is closed.
"""


ABOUT_SUBAGENTS = f"""\
## Subagents

Threadline advertises `subagents`, which the schema calls unstable. A session that an agent announces with
`subagent_update` belongs to the session above it; {MOST_SUBAGENTS} of them are remembered at a time. Of a subagent's
updates, the tool calls and further subagents are read. Its text, its plans and the messages between agents are not
shown.

What a subagent asks is a question in the thread of the session that it works for, and names the subagent. If the turn
ends first, the question is asked again outside the turn. The files and commands that a subagent may ask for are those
of that session's directories. Nothing but answers is sent to a subagent.
"""

ABOUT_UPDATES = """\
An update belongs to the session's running turn; without one it continues the last exchange. Updates that arrive while a
session is being loaded are history and not shown, but settings in them apply. The same goes for a fork until its first
prompt.
"""


def write() -> str:
    """Return the text of the page."""
    sent = ((f"`{row.name}`", row.when, row.what, f"{row.bound:g} s" if row.bound else "") for row in SENT)
    asked = ((f"`{row.name}`", row.when, row.what) for row in ASKED)
    told = ((f"`{row.name}`", row.what) for row in TOLD)
    assert {row.name for row in TOLD} == set(UPDATES)
    return "\n".join(
        (
            INTRODUCTION,
            "## What we send\n",
            _table(("method", "when", "how", "limit"), sent),
            "## What we answer and accept\n",
            _table(("method", "answered", "result"), asked),
            "## Updates\n",
            ABOUT_UPDATES,
            _table(("kind of `session/update`", "result"), told),
            ABOUT_SUBAGENTS.rstrip(),
            "",
        )
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(write())
