"""The bot's own texts in threads: notices, warnings, how an exchange ended. Pure."""

from collections.abc import Callable, Sequence

from acp import AgentClosed
from bot.text.markdown import LIMIT, code_block, escape
from bot.text.printable import visible
from bot.text.redaction import redact_tokens
from pool.conversation_context import CancelResult
from pool.exchange import (
    Cancelled,
    Completed,
    Dropped,
    ExchangeRefused,
    Failed,
    Notice,
    Outcome,
    ShutDown,
    TakenBack,
    TimedOut,
    Unanswered,
)
from pool.journal.message_states import MessageState
from pool.limits import Bound
from pool.turn_watchdog import LONG_SECONDS, WatchdogAlert

NOTICES = {
    Notice.FORGOTTEN: "-# ⚠ The agent could not take up the earlier session. It starts anew and knows nothing of it.",
    Notice.UNSET: "-# ⚠ Something that was chosen for this thread could not be set again.",
    Notice.UNASKED: "-# ⚠ This agent may act unasked: it could not be put into a mode in which it asks first.",
}

BOUNDS = {
    Bound.THREAD: "This thread has too many messages waiting. Write again when some of them are answered.",
    Bound.USER: "You have something running in too many threads. Write again when one of them is done.",
    Bound.MINUTE: "You write faster than I may take up. Write this again in a minute.",
}
"""Why a message was rejected."""

UNWRITABLE = "I cannot write anything down now, so I have not taken this up. Write it again in a while."
"""Why a message was rejected, where the journal cannot be written."""

MODES = "-# ⚠ the agent keeps changing its mode; the one that it ends in is named at the end"
"""Replaces further mode changes in a reply; appears once."""

NOT_DONE = "I cannot write anything down now, so that was not done. Try again in a while."
"""Why a button, a menu or a command had no effect, where the journal cannot be written."""

INTERRUPTED = (
    "This is the same request once more: the first try was interrupted by a restart, and may have been carried out in"
    " part. Look at what is there before you act."
)
"""Tells the agent that a prompt is repeated."""

GO_ON = (
    "Your question was ended because others had long been waiting for an agent, not because somebody rejected it."
    " Somebody is there again: take up your work where you left it, and ask once more what you need to ask."
)
"""Tells a preempted agent to continue."""

EARLIER = 10
"""Exchanges of the past that a new session learns."""

_STOPS = {
    "refusal": "⚠ The agent refused to go on.",
    "max_tokens": "⚠ The agent stopped: it ran out of tokens.",
    "max_turn_requests": "⚠ The agent stopped: it made as many requests as one turn allows.",
    "cancelled": "⏹ The agent ended the turn as cancelled.",
}


UNANSWERED = {
    Unanswered.TIME: "nobody answered in time",
    Unanswered.OTHERS: "others had long been waiting for an agent",
}
"""Why a question was rejected without a person."""


def link(guild_id: int | None, channel_id: int, message_id: int) -> str:
    """Return the address of a message."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


def rejection(author_id: int, said: str, count: int, first: str) -> str:
    """Report rejected messages; `first` is the link to the first of them, `said` the reason."""
    words = f"<@{author_id}> {said}"
    return words if count == 1 else f"{words}\n-# {count} messages were not taken up, beginning with <{first}>."


def mode(name: str) -> str:
    """Report the agent's new mode."""
    return f"-# 🔀 the agent is now in the mode {escape(visible(name, 60))}"


def skipped(reason: str) -> str:
    """Report an omission from the agent's output."""
    return f"-# ⚠ part of what the agent sent is not shown: {escape(visible(reason, 200))}"


def in_line(place: int, asking: Sequence[int]) -> str:
    """Report a thread's position in line, and which threads wait for a person's answer."""
    text = f"-# ⏳ all agents are busy; this thread is number {place} in line"
    if asking:
        text += ". Waiting for somebody's answer: " + ", ".join(f"<#{thread_id}>" for thread_id in asking[:5])
    return text


def no_thread(reason: str) -> str:
    """Explain why an answer is in the channel."""
    return f"-# ⚠ I could not open a thread: {escape(reason)}"


def not_archived(reason: str) -> str:
    """Explain why a closed thread stays in the list."""
    return f"-# ⚠ I can't archive this thread: {escape(reason)}"


def undelivered(thread_id: int, reason: str) -> str:
    """Report an answer that could not be posted."""
    return f"-# ❌ An answer in <#{thread_id}> could not be posted: {escape(reason)}"


def outside(thread_ids: Sequence[int]) -> str:
    """Name the threads that use the directory first."""
    return f"-# ⏳ one thread at a time works in this directory; before this one comes {links(thread_ids)}"


def beside(thread_ids: Sequence[int]) -> str:
    """Name the other threads that work in the same directory."""
    return f"-# ⚠ Another agent works in the same directory now: {links(thread_ids)}"


def links(thread_ids: Sequence[int]) -> str:
    """Link threads; of many, the first ones."""
    named = ", ".join(f"<#{thread_id}>" for thread_id in thread_ids[:5])
    return named if len(thread_ids) <= 5 else f"{named} and others"


def due(due: WatchdogAlert, silent_seconds: float) -> str:
    """Report a silent or long turn."""
    if due is WatchdogAlert.SILENT:
        return f"-# ⏳ Nothing has come from the agent for {silent_seconds:.0f} s. It may be thinking, or stuck."
    return f"-# ⏳ The agent has been at this for {LONG_SECONDS / 60:.0f} minutes."


def waiting(count: int) -> str:
    """Count messages."""
    return "1 message is" if count == 1 else f"{count} messages are"


def cancelled(done: CancelResult) -> str:
    """Report the effect of a cancel."""
    words = "Stopping." if done.stopped else "Nothing is running."
    if done.held:
        words += f" {waiting(done.held)} held; your next message goes on with them."
    return words


def fitting(text: str, beyond: int = 0) -> str:
    """Cut a list at a line so that it fits into one message; `beyond` counts the lines that were left out before."""
    if len(text) <= LIMIT and not beyond:
        return text
    head = text if len(text) <= LIMIT - 20 else text[: LIMIT - 20].rsplit("\n", 1)[0]
    return f"{head}\n… and {text.count(chr(10)) - head.count(chr(10)) + beyond} more"


def queued(count: int) -> str:
    """Report messages that wait for the running turn."""
    return f"-# ⏳ {count} waiting"


def held(count: int) -> str:
    """Report messages that wait for a person."""
    return f"-# ⏸ {waiting(count)} on hold. Press Continue, or send a message, to resume."


def interrupted(author_id: int, link: str) -> str:
    """Ask what to do about a turn that a restart interrupted; `link` leads to the message."""
    return (
        f"⚠ <@{author_id}>, I restarted while the agent was working on {link}; part of it may be done."
        " **Retry** sends it again, **Skip** drops it. Queued messages continue after your choice, or in 10 minutes."
    )


def undecided(link: str) -> str:
    """Report an interrupted turn whose thread continued without a choice."""
    return (
        f"-# ⏹ I restarted while the agent was working on {link}. No choice was made, and the thread went on."
        " To send that request again, use Apps → Retry on it."
    )


def cut_off(pages: Sequence[str]) -> list[str]:
    """Add the line that says that a reply was interrupted, once."""
    *before, last = pages
    if last.startswith(AT_WORK) or last == CUT:
        return [*before, CUT]
    if not {CUT_OFF, CUT}.isdisjoint(last.splitlines()):  # An orderly stop has said so, above the result of the turn.
        return [*pages]
    whole = f"{last}\n{CUT_OFF}"
    return [*before, whole] if len(whole) <= LIMIT else [*pages, CUT_OFF]


AT_WORK = "-# ⏳ "
"""The beginning of a reply that has no content yet."""

DROPPED = "-# ⏹ This was dropped before the agent got it."
"""Follows a reply that had begun in the thread."""

CUT_OFF = "-# ⏹ Threadline stopped before this was finished."

CUT = "-# ⏹ Threadline stopped before there was any output."
"""Replaces CUT_OFF where the agent had written no output."""

STOP_OFFERED = "-# This was not sent to the agent. Shall it stop?"

PREEMPTED = (
    "-# ⏸ Others had waited for long, so the question above was ended and the agent let go. Continue wakes it, and it"
    " takes its work up again; so does a message."
)

NOT_RENDERED = "-# ⚠ The rest of this answer cannot be shown: something failed in Threadline. Its log says what."

TOO_LONG = "-# ⏹ The agent has sent more than 20 MB and is stopped; what it sent until then is attached."

BEYOND = "-# ⚠ I was away for long. Some older messages here were not taken up; write again what still matters."


DENY_ENDS = "The agent offers no way to reject this alone: Deny ends its turn."

_BECAME = {
    MessageState.RECEIVED: "Threadline was restarted, and the request is taken up again",
    MessageState.HELD: "Threadline was restarted, and the request is held until somebody goes on with it",
    MessageState.PROMPTED: "Threadline was restarted and the turn is interrupted; Retry on the notice below asks again",
    MessageState.FINISHED: "its turn has ended",
    MessageState.ANSWERED: "its turn has ended",
    MessageState.CLOSED: "Threadline was restarted, and the request was not taken up again",
}


ANSWERED = "This question is no longer open: it has been answered."


def became(state: MessageState | None) -> str:
    """Say of a question that it is no longer open; `state` is that of its exchange, if known."""
    return f"This question is no longer open: {_BECAME[state] if state is not None else 'its turn is over'}."


def with_line(content: str, line: str) -> str:
    """Append a line to a message, or replace the message where there is no room."""
    whole = f"{content}\n-# {line}"
    return whole if len(whole) <= LIMIT else f"-# {line}"


def reminder(title: str, guild_id: int | None, channel_id: int, message_id: int, seconds_left: float) -> str:
    """Report a question that is still open, with a link to it."""
    address = link(guild_id, channel_id, message_id)
    return f"still waiting for an answer, {_minutes(seconds_left)} more: [{escape(title)}](<{address}>)"


def _minutes(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"


def missed(questions: Sequence[str]) -> str:
    """Tell the agent, with the next prompt, which of its questions went unanswered, each with the reason."""
    lines = "".join(f"\n- {question}" for question in questions)
    return f"Threadline rejected what you asked. It was not a person's decision:{lines}"


def closing(outcome: Outcome, *, said: bool, redact: Callable[[str], str]) -> list[str]:
    """Report how an exchange ended; `said` is whether the agent has shown anything, `redact` removes secrets."""
    match outcome:
        case ShutDown():
            return [CUT_OFF if said else CUT]
        case TakenBack():
            return ["-# ⏹ taken back before the agent got it."]
        case TimedOut():
            return ["-# ⏹ stopped: the turn had gone on for as long as one may."]
        case Failed(ExchangeRefused() as error):
            return [f"-# 🚫 This was not sent to the agent: {escape(str(error))}"]
        case Failed(error):
            return _error(error, redact)
        case Cancelled(by, None | "cancelled"):
            return [f"-# ⏹ cancelled by <@{by}>"]
        case Completed("end_turn") | Cancelled(_, "end_turn"):
            return [] if said else ["-# The agent ended its turn without a word."]
        case Dropped():
            return []
        case Completed(reason) | Cancelled(_, reason):
            reason = reason or ""
            return [f"-# {_STOPS.get(reason, f'The turn ended: {escape(redact(reason)[:100])}')}"]


def _error(error: Exception, redact: Callable[[str], str]) -> list[str]:
    reason, _, rest = redact_tokens(redact(str(error))).partition("\n")
    lines = [f"❌ {escape(reason[:500])}"]
    if rest:
        lines.append(code_block(rest[-1000:]))
    if isinstance(error, AgentClosed):
        lines.append("-# The next message starts the agent again.")
    return lines
