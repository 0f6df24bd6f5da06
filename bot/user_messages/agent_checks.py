"""What `doctor`, `check` and `login` say about an agent. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from bot.text.page_address import AddressFault
from bot.text.printable import visible

from .form_errors import ADDRESSES

NO_NAME: Final = "(no name)"
OK, FAILED = "ok", "FAILED"
"""How a heading ends."""

WRITE_TEST: Final[Mapping[str, str]] = {
    "asked": "it asked first",
    "acted without asking": "it acted without asking",
    "asked, was refused, and acted all the same": "it asked, was refused, and acted anyway",
    "did not try": "it did not try",
    "not examined": "not done",
}
"""What the agent did when it was asked for a harmless write, by the verdict."""


# ---- how it behaves


def asking_mode(mode: str | None, *, could_set: bool, has_modes: bool) -> str:
    """Say in which mode the agent asks first, or that it has none."""
    if could_set:
        return mode or ""
    which = "could not be set" if has_modes else "it has no modes"
    return f"{which}; each thread warns that this agent may act without asking"


# ---- the tries

TRIES: Final[Mapping[str, str]] = {
    "restart": "reopen a session after a restart",
    "crash_idle": "recover from a crash while idle",
    "fork": "fork a session",
    "image": "see an image",
    "cancel": "cancel a turn",
    "steering": "take a message into a running turn",
    "crash_turn": "recover from a crash during a turn",
}
"""What each try is about, by its name, in the order in which they are made."""


def tried(name: str, result: str, reason: str) -> str:
    """Report a try; `reason` is why it failed."""
    return f"{TRIES[name]}: {result}{f': {reason}' if reason else ''}"


def not_tried(names: Sequence[str]) -> str:
    """Name the tries that were not made, and how to make them."""
    return f"not tried: {', '.join(TRIES[name] for name in names)}; --try-all does, for up to five more short prompts"


def try_too_long(seconds: float) -> str:
    """Report a try that was given up."""
    return f"it did not finish within {seconds:g} s"


def processes_left(count: int) -> str:
    """Report processes that outlived the agent that had started them."""
    return f"processes outlived the agent and were ended: {count}"


def ended_early(stop_reason: str | None) -> str:
    """Report a long turn that was over before anything could be tried in it."""
    return f"the turn ended by itself; stop reason: {stop_reason}"


def not_cancelled(stop_reason: str | None) -> str:
    """Report a cancelled turn that ended in another way."""
    return f"the cancelled turn ended with the stop reason {stop_reason}"


def not_steered(outcome: str) -> str:
    """Report a message that did not go into the running turn; `outcome` is the agent's own word, or ours."""
    return f"the message did not go into the running turn; outcome: {outcome}"


def wrong_answer(wanted: str, answer: str) -> str:
    """Report an answer without the word that was to be expected."""
    return f"the answer lacks the word {wanted!r}: {answer}"


# ---- its faults


def late_pieces(count: int) -> str:
    """Report pieces of an answer that came after the end of their turn."""
    return f"sent pieces of an answer after the end of its turn: {count}"


def ended_turn(stop_reason: str | None, *, answered: bool) -> str:
    """Report a turn that ended without an answer, or for another reason than its end."""
    return f"ended a turn {'with' if answered else 'without'} an answer; stop reason: {stop_reason}"


UNKNOWN_MODE_ACCEPTED = "accepts a mode that does not exist, so its reports of its mode prove nothing"


def unknown_mode_failed(error: str) -> str:
    """Report another end than a refusal of a mode that does not exist."""
    return f"does not refuse a mode that does not exist: {error}"


WROTE_ELSEWHERE = "wrote into the directory in which it was started, not into its session's directory"


def request_id_kind(*, is_null: bool) -> str:
    """Report the kind of the ids of its requests."""
    return f"uses {'null' if is_null else 'text'} as the id of its requests; other agents use numbers"


def session_stays(error: str) -> str:
    """Report that one of the doctor's own sessions could not be deleted."""
    return f"does not delete a session: {error}"


UNANNOUNCED_CALL = "asks about a tool call that it has not announced"


# ---- what is missing


def variable_not_set(name: str) -> str:
    """Report a variable that the configuration names."""
    return f"{name} is listed in inherit_env but is not set"


def key_not_set(names: Sequence[str]) -> str:
    """Report that the agent needs one of these variables."""
    return f"{' or '.join(names)} must be set, unless you have logged in"


def login_missing(name: str) -> str:
    """Report an agent, by its name in the configuration, that says that it is logged out."""
    return f"a login: the agent says that it is logged out. On this machine, run: threadline login {name}"


# ---- what to do


SET_ASKING_MODE = (
    "Set mode to the id of a mode in which it asks, or make it ask in its own settings. Otherwise do not use it."
)


def use_preset(name: str) -> str:
    """Advise a preset."""
    return f'Use preset = "{name}": it has the asking mode, the variables and the login of this agent.'


def login_runs(command: str) -> str:
    """Name the command that a login runs."""
    return f"That runs: {command}"


# ---- the login


def logs_in_by_itself(method: str) -> str:
    """Announce a login that the agent carries out."""
    return f"The agent logs in by itself ({method}). Follow its instructions, if it prints any."


ASKS_FOR_VALUES: Final = (
    "the agent asked for a value, such as a key. Never give one to a chat: put it into threadline.env, or use the "
    "agent's own login"
)
"""A login wanted to be filled in."""

PAGE_NOT_SHOWN: Final = "the login page could not be shown"


def page_refused(fault: AddressFault) -> str:
    """Report a login page that is not shown, because of its address."""
    return f"the agent's login page is not shown: {ADDRESSES[fault]}"


def open_page(url: str, message: str) -> str:
    """Name the page that a login wants to be opened, in a terminal, with what the agent says about it."""
    return f"{visible(message)}\nOpen: {url}"


def not_installed(program: str, install: str) -> str:
    """Report the missing program of a preset's login."""
    return f"the command {program!r} was not found. To install it: {install}"


def not_started(program: str, reason: str | None) -> str:
    """Report a login command that the system does not start."""
    return f"{program!r} could not be started: {reason}"


NO_LOGIN_METHODS: Final = "the agent offers no login method. If it needs a key, pass one through inherit_env or env"


def no_login_method(method_id: str, *, known: Sequence[str], variables: Sequence[str]) -> str:
    """Report that no login method works from here: the wanted one, if any, the known ones, and variables instead."""
    if not known:
        return NO_LOGIN_METHODS
    advice = f". Pass one of the variables {', '.join(variables)} through inherit_env" if variables else ""
    if method_id:
        return f"the agent's login method {method_id!r} does not work from here{advice}"
    return f"the agent has no login method that works from here (it offers: {', '.join(known)}){advice}"
