"""What went wrong with an agent: the typed errors of `acp` in words. Pure.

The bot shows a headline, and below it what the agent itself said: its data as JSON, or the lines of its stderr that
read like an error. Method names, error codes and whole logs are for the bot's log and for the command line.
"""

import signal
from collections.abc import Callable

from pydantic_core import to_json

from acp import (
    AcpError,
    AgentClosed,
    CloseReason,
    Feature,
    PlaceUnreachable,
    ProtocolError,
    QueuedTooLong,
    RemoteError,
    RequestTimeout,
    SpawnFailed,
    StartProblem,
    Unsupported,
)
from acp.client_side.features import DirectoriesLeftOut, LeftOut, ServerLeftOut
from acp.defects import Defect, Invalid, LineTooLong, NotJson, TooManyValues
from bot.text.error_lines import error_lines
from bot.text.markdown import code_block, escape, shortened
from bot.text.printable import visible
from bot.text.redaction import redact_tokens
from bot.text.sizes import format_size
from pool.exchange import ExchangeFailed

from . import places, sandbox_errors

HEADLINE = 500
"""Most characters of a headline."""

BLOCK = 1000
"""Most characters of the data or the last words below it."""

_READ = 20_000
"""Characters of the data that are read. Secrets are removed before the text is cut to what people see."""

_NO_DATA: tuple[object, ...] = (None, {}, [], "")

_NOT_IN_TIME = {
    "initialize": "The agent did not start within {} s.",
    "authenticate": "The agent's login was not finished within {} s.",
    "session/new": "The agent did not open a session within {} s.",
    "session/load": "The agent did not reopen its session within {} s.",
    "session/resume": "The agent did not reopen its session within {} s.",
    "session/fork": "The agent did not fork its session within {} s.",
    "session/list": "The agent did not list its sessions within {} s.",
    "session/prompt": "The agent did not finish its answer within {} s.",
}
"""By the method that was not answered in time."""

NEXT_STARTS = "-# Your next message starts the agent again."


def failure(error: Exception, *, redact: Callable[[str], str]) -> list[str]:
    """Return the lines of a reply that an error has ended; `redact` removes secrets."""
    lines = [f"❌ {escape(shortened(redact_tokens(redact(headline(error))), HEADLINE))}"]
    match error:
        case RemoteError(data=data) if data not in _NO_DATA:
            info = "" if isinstance(data, str) else "json"
            lines.append(code_block(shortened(redact_tokens(redact(_as_text(data))), BLOCK), info))
        case AgentClosed(stderr=stderr) | RequestTimeout(stderr=stderr):
            if said := error_lines(stderr):
                lines.append(code_block(shortened(redact_tokens(redact("\n".join(said))), BLOCK)))
    return [*lines, NEXT_STARTS] if isinstance(error, AgentClosed) else lines


def one_line(error: AcpError, *, redact: Callable[[str], str]) -> str:
    """Return an error for the middle of a message, escaped."""
    return escape(visible(shortened(redact_tokens(redact(headline(error))), HEADLINE)))


def in_terminal(error: AcpError) -> str:
    """Return an error for the command line, with all that is known; it may have several lines."""
    match error:
        case RemoteError(method=method, code=code, data=data):
            said = "" if data in _NO_DATA else f"\n{_as_text(data)}"
            return f"{headline(error)} ({method}, code {code}){said}"
        case ProtocolError(defect, method):
            return f"The agent's answer to {method} cannot be read: {defective(defect)}."
        case AgentClosed(stderr=stderr) | RequestTimeout(stderr=stderr):
            return "\n".join([headline(error), *stderr])
    return headline(error)


_BEGINNINGS = ("The agent", "The connection to", "Threadline is", "Something went wrong")


def is_failure(line: str) -> bool:
    """Return whether the line of a reply is the first of a `failure`."""
    sign, _, words = line.partition(" ")
    return sign == "❌" and words.startswith(_BEGINNINGS)


def headline(error: Exception) -> str:
    """Return what happened, in a sentence or two on one line, not escaped."""
    match error:
        case SpawnFailed():
            return f"The agent could not start: {start_problem(error)}"
        case PlaceUnreachable(place, detail):
            return f"The agent could not start: {place} cannot be reached{f': {detail}' if detail else '.'}"
        case QueuedTooLong(place, seconds, detail):
            return f"The agent could not start: {places.queued_too_long(place, seconds)}: {detail}"
        case AgentClosed():
            return _closed(error)
        case RemoteError(message=message):
            return f"The agent reported an error: {' '.join(message.split()) or 'it gave no reason'}"
        case ProtocolError(defect):
            return f"The agent's answer cannot be read: {defective(defect)}."
        case RequestTimeout(method, seconds):
            return _NOT_IN_TIME.get(method, "The agent did not answer within {} s.").format(f"{seconds:g}")
        case Unsupported():
            return _unsupported(error)
        case ExchangeFailed():
            return str(error)
    return "Something went wrong; the bot's log has the reason."


def start_problem(error: SpawnFailed) -> str:
    """Return why a program cannot be started, to follow a colon."""
    match error.problem:
        case StartProblem.COMMAND_MISSING:
            return f"the command {error.path!r} was not found. Is it installed and on PATH?"
        case StartProblem.COMMAND_UNUSABLE:
            return f"the command {error.path!r} could not be run: {error.detail}"
        case StartProblem.DIRECTORY_MISSING:
            return f"its directory {error.path} does not exist."
        case StartProblem.DIRECTORY_CLOSED:
            return f"its directory {error.path} cannot be entered: {error.detail}"
        case StartProblem.DIRECTORY_SILENT:
            return f"the directory {error.path} does not answer."
        case StartProblem.DIRECTORY_NOT_MADE:
            return f"the directory {error.path} could not be created: {error.detail}"
        case StartProblem.SANDBOX_MISSING:
            return sandbox_errors.missing(error.path)
        case StartProblem.SANDBOX_PATH:
            return f"its sandbox needs {error.path}, which could not be found: {error.detail}"
        case StartProblem.SANDBOX_LINK:
            return f"its sandbox does not follow {error.path}: agents can change where this link leads."


def _closed(error: AgentClosed) -> str:
    match error.reason:
        case CloseReason.ENDED:
            return _ended(error.exit_status)
        case CloseReason.SANDBOX_FAILED:
            return sandbox_errors.not_made(error.stderr)
        case CloseReason.LINK_LOST:
            return f"The connection to {error.place} was lost."
        case CloseReason.STOPPED:
            return "The agent was stopped."
        case CloseReason.SHUTDOWN:
            return "Threadline is shutting down."
        case CloseReason.INPUT_CLOSED:
            return "The agent closed its input, so Threadline stopped it."
        case CloseReason.INPUT_UNREAD:
            return f"The agent did not read its input for {error.seconds:g} s, so Threadline stopped it."
        case CloseReason.ANSWERS_UNREAD:
            return "The agent kept sending requests and did not read the answers, so Threadline stopped it."
        case CloseReason.CANCEL_IGNORED:
            return f"The agent did not cancel its turn within {error.seconds:g} s, so Threadline stopped it."
        case CloseReason.GIT_REDIRECTED:
            return (
                "The agent tried to have git run its code outside the sandbox (a file commondir in a git directory, or "
                "HEAD above one). Threadline removed the file and stopped the agent."
            )
        case CloseReason.OVER_MEMORY:
            return f"The agent used more than {format_size(error.memory or 0)} of memory, so Threadline stopped it."
        case CloseReason.PROTOCOL:
            why = "" if error.defect is None else f" ({defective(error.defect)})"
            return f"The agent sent a message that cannot be read{why}, so Threadline stopped it."


def _ended(status: int | None) -> str:
    if status is None:
        return "The agent closed its output."
    if status >= 0:
        return f"The agent ended unexpectedly with exit code {status}."
    try:
        return f"The agent was killed by signal {-status} ({signal.Signals(-status).name})."
    except ValueError:  # Realtime signals have no name.
        return f"The agent was killed by signal {-status}."


def _unsupported(error: Unsupported) -> str:
    match error.feature:
        case Feature.LOGIN_METHOD:
            return f"The agent has no login method {error.subject!r} that works from here."
        case Feature.LOGOUT:
            return "The agent cannot log out."
        case Feature.LOAD:
            return "The agent cannot reopen sessions."
        case Feature.LIST:
            return "The agent cannot list its sessions."
        case Feature.FORK:
            return "The agent cannot fork sessions."
        case Feature.TITLE:
            return "The agent does not take names for its sessions."
        case Feature.DELETE:
            return "The agent cannot delete its sessions."
        case Feature.OPTION:
            return f"The agent has no option {error.subject!r} with the value {error.value!r}."
        case Feature.IMAGE:
            return "The agent does not accept images."
        case Feature.AUDIO:
            return "The agent does not accept audio."
        case Feature.STEERING:
            return "The agent takes no messages into a running turn."


def defective(defect: Defect) -> str:
    """Return what is wrong with a message, to follow a colon."""
    match defect:
        case LineTooLong(most):
            return f"it is longer than {most // 2**20} MiB"
        case TooManyValues(most):
            return f"it has more than {most:,} values"
        case NotJson(detail):
            return f"it is not JSON ({detail})"
        case Invalid(detail):
            return f"it does not follow the protocol ({detail})"


def left_out(part: LeftOut) -> str:
    """Return which part of the configuration an agent does not get, and why."""
    match part:
        case ServerLeftOut(name, transport):
            return f"the MCP server {name!r}: the agent does not support {transport}"
        case DirectoriesLeftOut(paths):
            return f"the directories {', '.join(map(str, paths))}: the agent supports only one"


def _as_text(data: object) -> str:
    text = data if isinstance(data, str) else to_json(data, indent=2, inf_nan_mode="constants").decode()
    return text[:_READ]


def needs_login(title: str, name: str) -> str:
    """Return how to log in to an agent, by its title, if known, and its name in the configuration."""
    return f"Log in to {title or 'the agent'} first. On the machine that runs Threadline, run: threadline login {name}"
