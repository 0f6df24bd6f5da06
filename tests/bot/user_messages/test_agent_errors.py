"""The words for what goes wrong with an agent: complete, bounded, and without secrets."""

from pathlib import Path

import pytest

from acp import (
    AcpError,
    AgentClosed,
    CloseReason,
    Feature,
    ProtocolError,
    RemoteError,
    RequestTimeout,
    SpawnFailed,
    StartProblem,
    Unsupported,
)
from acp.client_side.features import DirectoriesLeftOut, ServerLeftOut
from acp.defects import Defect, Invalid, LineTooLong, NotJson, TooManyValues
from bot.text.redaction import Redactor
from bot.user_messages.agent_errors import (
    BLOCK,
    HEADLINE,
    defective,
    failure,
    headline,
    in_terminal,
    left_out,
    one_line,
)
from pool.exchange import ExchangeFailed

SECRET = "MTIz.secret.value"
DEFECTS: tuple[tuple[Defect, str], ...] = (
    (LineTooLong(16 * 2**20), "it is longer than 16 MiB"),
    (TooManyValues(30_000), "it has more than 30,000 values"),
    (NotJson("EOF at column 3"), "it is not JSON (EOF at column 3)"),
    (Invalid("stopReason: Field required"), "it does not follow the protocol (stopReason: Field required)"),
)


def shown(error: Exception) -> str:
    """Return the lines of a reply for an error."""
    return "\n".join(failure(error, redact=Redactor([SECRET])))


def test_an_agents_error_has_its_words_and_its_data_as_json() -> None:
    """Method and code are for the log."""
    error = RemoteError("session/prompt", -32000, "Authentication required", {"reason": "expired", "ok": None})
    assert shown(error) == (
        "❌ The agent reported an error: Authentication required\n"
        '```json\n{\n  "reason": "expired",\n  "ok": null\n}\n```'
    )


@pytest.mark.parametrize("data", [None, {}, [], ""])
def test_empty_data_is_not_shown(data: object) -> None:
    """The error is one line."""
    assert shown(RemoteError("session/new", 500, "No model", data)) == "❌ The agent reported an error: No model"


def test_data_that_is_a_text_is_shown_as_it_is() -> None:
    """Its lines are lines."""
    assert shown(RemoteError("m", 1, "No", "one\ntwo")).endswith("\n```\none\ntwo\n```")


def test_an_error_of_a_million_characters_is_cut() -> None:
    """Headline and data each have a bound; a fence in them ends no block."""
    text = shown(RemoteError("m", 1, "x" * 1_000_000, {"text": "```" + "y" * 1_000_000}))
    assert len(text) < HEADLINE + BLOCK + 50
    assert text.count("```") == 2


def test_secrets_are_in_no_part_of_an_error() -> None:
    """Also in a message, in data and in the last words; keys are known by their shape."""
    token = "ghp_" + "a1" * 12
    for error in (
        RemoteError("m", 1, f"bad {SECRET}", {SECRET: [token]}),
        AgentClosed(CloseReason.ENDED, 1, (f"Error: {SECRET} {token}",)),
        SpawnFailed(StartProblem.COMMAND_UNUSABLE, SECRET, token),
    ):
        assert SECRET not in shown(error)
        assert token not in shown(error)
        assert "secret" in shown(error)
    assert one_line(Unsupported(Feature.OPTION, SECRET, "*x*"), redact=Redactor([SECRET])) == (
        "The agent has no option '\\[secret\\]' with the value '\\*x\\*'."
    )


def test_markup_in_an_error_stays_text() -> None:
    """It pings no one."""
    assert shown(RemoteError("m", 1, "**<@1>** @everyone")) == (
        "❌ The agent reported an error: \\*\\*\\<\\@1\\>\\*\\* \\@everyone"
    )


HEADLINES: tuple[tuple[Exception, str], ...] = (
    (
        SpawnFailed(StartProblem.COMMAND_MISSING, "claude"),
        "The agent could not start: the command 'claude' was not found. Is it installed and on PATH?",
    ),
    (
        SpawnFailed(StartProblem.COMMAND_UNUSABLE, "claude", "Permission denied"),
        "The agent could not start: the command 'claude' could not be run: Permission denied",
    ),
    (SpawnFailed(StartProblem.DIRECTORY_MISSING, "/x"), "The agent could not start: its directory /x does not exist."),
    (
        SpawnFailed(StartProblem.DIRECTORY_CLOSED, "/x", "Permission denied"),
        "The agent could not start: its directory /x cannot be entered: Permission denied",
    ),
    (
        SpawnFailed(StartProblem.DIRECTORY_SILENT, "/x"),
        "The agent could not start: the directory /x does not answer.",
    ),
    (
        SpawnFailed(StartProblem.DIRECTORY_NOT_MADE, "/x", "No space left on device"),
        "The agent could not start: the directory /x could not be created: No space left on device",
    ),
    (AgentClosed(CloseReason.ENDED), "The agent closed its output."),
    (AgentClosed(CloseReason.ENDED, 0), "The agent ended unexpectedly with exit code 0."),
    (AgentClosed(CloseReason.ENDED, -9), "The agent was killed by signal 9 (SIGKILL)."),
    (AgentClosed(CloseReason.ENDED, -40), "The agent was killed by signal 40."),
    (AgentClosed(CloseReason.STOPPED), "The agent was stopped."),
    (AgentClosed(CloseReason.SHUTDOWN), "Threadline is shutting down."),
    (AgentClosed(CloseReason.INPUT_CLOSED), "The agent closed its input, so Threadline stopped it."),
    (
        AgentClosed(CloseReason.INPUT_UNREAD, seconds=30.0),
        "The agent did not read its input for 30 s, so Threadline stopped it.",
    ),
    (
        AgentClosed(CloseReason.ANSWERS_UNREAD),
        "The agent kept sending requests and did not read the answers, so Threadline stopped it.",
    ),
    (
        AgentClosed(CloseReason.CANCEL_IGNORED, seconds=10.0),
        "The agent did not cancel its turn within 10 s, so Threadline stopped it.",
    ),
    (
        AgentClosed(CloseReason.PROTOCOL, defect=LineTooLong(2**24)),
        "The agent sent a message that cannot be read (it is longer than 16 MiB), so Threadline stopped it.",
    ),
    (RemoteError("m", 1, " \n"), "The agent reported an error: it gave no reason"),
    (
        ProtocolError(Invalid("sessionId: Field required"), "session/new"),
        "The agent's answer cannot be read: it does not follow the protocol (sessionId: Field required).",
    ),
    (RequestTimeout("initialize", 60.0), "The agent did not start within 60 s."),
    (RequestTimeout("session/new", 60.0), "The agent did not open a session within 60 s."),
    (RequestTimeout("session/load", 120.0), "The agent did not reopen its session within 120 s."),
    (RequestTimeout("session/set_mode", 0.5), "The agent did not answer within 0.5 s."),
    (Unsupported(Feature.LOGIN_METHOD, "web"), "The agent has no login method 'web' that works from here."),
    (Unsupported(Feature.LOGOUT), "The agent cannot log out."),
    (Unsupported(Feature.LOAD), "The agent cannot reopen sessions."),
    (Unsupported(Feature.LIST), "The agent cannot list its sessions."),
    (Unsupported(Feature.TITLE), "The agent does not take names for its sessions."),
    (Unsupported(Feature.DELETE), "The agent cannot delete its sessions."),
    (Unsupported(Feature.IMAGE), "The agent does not accept images."),
    (Unsupported(Feature.AUDIO), "The agent does not accept audio."),
    (Unsupported(Feature.STEERING), "The agent takes no messages into a running turn."),
    (ExchangeFailed("I can't open a thread."), "I can't open a thread."),
    (RuntimeError("a mistake of ours"), "Something went wrong; the bot's log has the reason."),
)


@pytest.mark.parametrize(("error", "words"), HEADLINES, ids=[words for _, words in HEADLINES])
def test_every_error_has_a_headline(error: Exception, words: str) -> None:
    """One line, which names what a person can act on."""
    assert headline(error) == words


def test_every_kind_of_start_close_and_feature_has_words_of_its_own() -> None:
    """No two are told in the same way."""
    errors: list[AcpError] = [SpawnFailed(problem, "x") for problem in StartProblem]
    errors += [AgentClosed(reason, seconds=1.0) for reason in CloseReason]
    errors += [Unsupported(feature) for feature in Feature]
    assert len({headline(error) for error in errors}) == len(errors)


@pytest.mark.parametrize(("defect", "words"), DEFECTS, ids=[words for _, words in DEFECTS])
def test_every_defect_of_a_message_has_words(defect: Defect, words: str) -> None:
    """They follow a colon."""
    assert defective(defect) == words


# ---- the last words


def test_an_agent_that_says_nothing_like_an_error_is_not_quoted() -> None:
    """The error is its headline, and what follows."""
    killed = AgentClosed(CloseReason.ENDED, -9, ("[debug] heartbeat", "session 5 is idle"))
    assert shown(killed) == (
        "❌ The agent was killed by signal 9 \\(SIGKILL\\).\n-# Your next message starts the agent again."
    )


def test_a_late_agent_is_quoted_too() -> None:
    """Its stderr often says why it hangs."""
    late = RequestTimeout("session/new", 60.0, ("Error: cannot connect to the MCP server",))
    assert shown(late).endswith("```\nError: cannot connect to the MCP server\n```")


# ---- in a terminal


def test_the_operator_sees_all_that_is_known() -> None:
    """Method, code, data, and every line of stderr."""
    assert in_terminal(RemoteError("session/new", -32603, "No", {"a": 1})) == (
        'The agent reported an error: No (session/new, code -32603)\n{\n  "a": 1\n}'
    )
    assert in_terminal(RemoteError("m", 1, "No")) == "The agent reported an error: No (m, code 1)"
    assert in_terminal(AgentClosed(CloseReason.ENDED, 1, ("welcome", "bye"))) == (
        "The agent ended unexpectedly with exit code 1.\nwelcome\nbye"
    )
    assert in_terminal(ProtocolError(NotJson("x"), "session/new")) == (
        "The agent's answer to session/new cannot be read: it is not JSON (x)."
    )
    assert in_terminal(Unsupported(Feature.LOGOUT)) == "The agent cannot log out."


def test_what_an_agent_does_not_get_is_named_with_the_reason() -> None:
    """Servers by their transport, directories because it has one."""
    assert left_out(ServerLeftOut("wiki", "HTTP")) == "the MCP server 'wiki': the agent does not support HTTP"
    assert left_out(DirectoriesLeftOut((Path("/a"), Path("/b")))) == (
        "the directories /a, /b: the agent supports only one"
    )
