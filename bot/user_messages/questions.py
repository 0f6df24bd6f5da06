"""An agent's questions to people: the cards, how each was answered, and why it was closed. Pure."""

from collections.abc import Iterable

from acp.defects import Defect
from bot.text.markdown import escape, shortened
from bot.text.printable import visible
from pool.exchange import Unanswered
from pool.journal.message_states import MessageState

from .agent_errors import defective
from .layout import link

LABEL = 80
"""Characters of a button's label (Discord, Button Structure)."""

# ---- an open question

PERMISSION, FORM, PAGE = "Permission needed", "Input needed", "Page to open"
"""What a card asks for."""

NO_TITLE = "Use a tool"
"""Describes a tool call without a title."""

REST_ATTACHED = "The rest is in the attached file."
FORM_ATTACHED = "The form in full is in the attached file."

DENY_ENDS = "This agent can't reject a single action: Deny ends its turn."

DENY = "Deny"
"""The label of the bot's own button, where the agent offers no way to reject."""

NO_NAME = "(no name)"
"""The label of an option without a name."""

CHANGED = "The agent changed its request. This is the new one."

_VERBS = {"read": "read", "edit": "edit", "delete": "delete"}


def action(kind: str | None, code: str) -> str:
    """Say what is to be done with a command, or with a file for a `kind` of call that names one."""
    return f"{_VERBS.get(kind or '', 'run')} {code}"


def titled(title: str, kind: str) -> str:
    """Say what is to be done by a title and a kind, which may be empty."""
    return f"{title} ({kind})" if kind else title


def asked_for(asker_id: int) -> str:
    """Name the person whose request the agent works on, where others have to answer."""
    return f"The agent is working for <@{asker_id}>."


def asked_times(count: int) -> str:
    """Count equal questions."""
    return f"Asked {count} times. Your answer counts for all of them."


def always_asked(reason: str) -> str:
    """Explain why the configuration did not decide."""
    return f"Always asked: {reason}."


# Why the configuration did not decide.
TOO_LONG = "it is too long to check"
NO_ALLOW_ONCE = "the agent has no option to allow it only once"
PARTLY_FORGOTTEN = "part of what it does is no longer known"
ONLY_READING = "only reading and searching are allowed without asking"
UNKNOWN_READING = "it does not say what it reads"
OUTSIDE = "part of it is outside the session's directories"
PATHS_UNKNOWN = "its paths could not be checked on the agent's machine"
CHANGES_MODE = "it changes the agent's mode"
UNKNOWN_KIND = "it does not say what kind of action it is"
UNKNOWN_CHANGE = "it does not say what it changes"
CHANGES_RIGHTS = "it may change a file that controls what the agent may do"


def options_left_out(count: int) -> str:
    """Count the options that a card has no room for."""
    return "1 more option is not shown." if count == 1 else f"{count} more options are not shown."


def option_range(first: int, last: int) -> str:
    """Name the options of a menu."""
    return f"Options {first} to {last}"


def lasting(name: str) -> str:
    """Return the name of an option whose effect lasts, where the agent's name does not say so."""
    return f"Always: {name}"


def fields(titles: Iterable[str], more: int, steps: int) -> str:
    """List the fields of a form; `more` are not listed."""
    named = ", ".join(titles) + (f" and {more} more" if more else "")
    return f"Fields: {named}" + (f" ({steps} steps)" if steps > 1 else "")


FILL_IN, ACCEPT, OPEN_PAGE = "Fill in", "Accept", "Open the page"
"""Labels of buttons."""

MODAL_TITLE = "The agent asks"

NO_MESSAGE = "a question"
"""Names a form or page without a message."""

CORRECT = "Correct it"
"""The label of the button that opens a step again."""

SENT = "Sent."


def step(number: int, count: int) -> str:
    """Name a step of a form."""
    return f"Step {number} of {count}"


def step_done(number: int, count: int) -> str:
    """Confirm a step of a form that is not the last one."""
    return f"{step(number, count)} is filled in."


def next_step(number: int) -> str:
    """Return the label of the button that opens another step."""
    return f"Step {number}"


def not_valid(problems: str) -> str:
    """List what is wrong with a step of a form."""
    return f"Some answers are not valid yet:\n{problems}"


def open_host(host: str) -> str:
    """Return the label of the link to a page."""
    return f"Open {host}"


def leads_to(host: str) -> str:
    """Name the host of a page."""
    return f"It leads to: `{host}`"


def reminder(title: str, guild_id: int | None, channel_id: int, message_id: int, seconds_left: float) -> str:
    """Report a question that is still open, with a link to it."""
    address = link(guild_id, channel_id, message_id)
    return f"still waiting for an answer ({_minutes(seconds_left)} left): [{escape(title)}](<{address}>)"


def _minutes(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"


# ---- questions that get no card, or lose it

TOO_LARGE = "too large to show in Discord"
TOO_MANY = "too many questions are open"
KEEPS_CHANGING = "the agent keeps changing its request"
REFUSED = "Discord refused the question"
AS_CONFIGURED = "as configured"

NOT_LISTED = "-# 🚫 Further rejections are not listed."


def rejected(reason: str, title: str) -> str:
    """Report a permission that was rejected without a person."""
    return f"-# 🚫 Rejected, {reason}: {escape(title)}"


def not_asked(reason: str) -> str:
    """Report a form or a page that was declined without a person."""
    return f"-# 🚫 Declined what the agent asked for: {escape(reason)}"


def unreadable(defect: Defect) -> str:
    """Report a question that violates the protocol."""
    return f"-# 🚫 Refused an unreadable question from the agent: {escape(visible(defective(defect), 300))}"


# ---- an answered question

_DECIDED = {
    "allow_once": "✅ Allowed once by",
    "allow_always": "✅ Always allowed by",
    "reject_once": "❌ Rejected by",
    "reject_always": "❌ Always rejected by",
}


def decided(kind: str | None, by: int, name: str = "") -> str:
    """Name the decision about a permission. `name` is the option's, where the kind alone does not tell it."""
    return f"{_DECIDED.get(kind or '', '❔ Answered by')} <@{by}>" + (f" ({escape(name)})" if name else "")


REASON_BUTTON, REASON_TITLE, REASON_FIELD = "Reject with a reason", "Reject with a reason", "What should it do instead?"
"""The button, and the form that it opens."""

CHOOSE_RULE = "Choose what is allowed"

GRANT_ABOUT = "From now on, this thread's agent may run this without asking. `/permissions` shows and removes it."

RULE_MADE = "Allowed in this thread from now on. `/permissions` shows and removes it."
TOO_MANY_RULES = "This thread has as many rules as it can have. `/permissions` removes some."


def grant_button(rule: str) -> str:
    """Return the label of the button that allows such commands in a thread."""
    return shortened(f"Always allow here: {rule.removesuffix(' …')}…", LABEL)


def rule_label(rule: str) -> str:
    """Describe a rule in a menu."""
    return f"Commands like: {rule}" if rule.endswith(" …") else f"Exactly: {rule}"


def rule_audit(rule: str) -> str:
    """Describe a new rule in the audit log."""
    return f"always allow here: {rule}"


def by_rule(rule: str) -> str:
    """Say in the audit log which rule has allowed a command."""
    return f"allowed by this thread's rule: {rule}"


def granted(by: int, rule: str) -> str:
    """Name the person who made a rule, and the rule."""
    return f"✅ Always allowed in this thread by <@{by}>: `{rule}`"


NO_RULES = "No commands are always allowed in this thread."
RULES = "Always allowed in this thread:"
REMOVE_RULE = "Remove a rule"


def rule_line(rule: str, by: int, since: float) -> str:
    """Describe a rule in the list of a thread."""
    return f"- `{rule}` · <@{by}>, <t:{since:.0f}:R>"


def rule_removed(rule: str, by: int) -> str:
    """Report that a command is no longer always allowed."""
    return f"-# <@{by}> removed a rule: `{rule}` needs permission again."


def rule_removed_audit(rule: str) -> str:
    """Describe the removal of a rule in the audit log."""
    return f"no longer always allowed here: {rule}"


PERMISSIONS_ABOUT = "Show or remove what the agent may always do in this thread"

RULE_GONE = "That rule is already gone."

REASON_LENGTH = 150
"""Characters of a reason in the line that remains of the card; the agent gets all of it."""


def rejected_because(by: int, reason: str) -> str:
    """Name the person who rejected, and the beginning of the reason."""
    return f"{_DECIDED['reject_once']} <@{by}>: {escape(shortened(visible(reason, REASON_LENGTH + 1), REASON_LENGTH))}"


def filled_in(by: int) -> str:
    """Name the person who filled a form in."""
    return f"✅ Filled in by <@{by}>"


def declined(by: int) -> str:
    """Name the person who declined to give an answer."""
    return f"❌ Declined by <@{by}>"


def cancelled(by: int) -> str:
    """Name the person who ended a question without an answer."""
    return f"❌ Cancelled by <@{by}>"


def opened(host: str, by: int) -> str:
    """Name the page and the person who opened it."""
    return f"✅ `{host}` opened by <@{by}>"


def visited(host: str) -> str:
    """Report that the agent has seen the page's visit completed."""
    return f"✅ `{host}` done"


def answered(verdict: str, subject: str) -> str:
    """Return the line that remains of an answered card."""
    return f"{verdict} · {subject}"


# ---- a question that was closed

UNANSWERED = {
    Unanswered.TIME: "no answer in time",
    Unanswered.OTHERS: "other threads had been waiting for an agent",
}
"""Why a question was rejected without a person."""

NOT_NEEDED = "no longer needed"
TURN_ENDED = "the turn has ended"
WITHDRAWN = "withdrawn by the agent"
REQUEST_CHANGED = "the agent changed its request"
REPLACED = "the agent asked something else"
NOT_SHOWN = "it could not be shown"

_BECAME = {
    MessageState.RECEIVED: "I restarted, and the request is queued again",
    MessageState.HELD: "I restarted, and the request is on hold",
    MessageState.PROMPTED: "I restarted and the turn was interrupted; Retry on the message below asks again",
    MessageState.FINISHED: TURN_ENDED,
    MessageState.ANSWERED: TURN_ENDED,
    MessageState.CLOSED: "I restarted, and the request was not continued",
}

ANSWERED = "it has been answered"


def became(state: MessageState | None) -> str:
    """Say why a question of an earlier run is closed; `state` is that of its exchange, if known."""
    return TURN_ENDED if state is None else _BECAME[state]


def no_longer_open(reason: str) -> str:
    """Tell a person that their answer comes too late."""
    return f"This question is no longer open: {reason}."


def closed(reason: str, subject: str) -> str:
    """Return the line that remains of a card without an answer. `subject` may be unknown, and empty."""
    return f"-# closed: {reason} · {subject}" if subject else f"-# closed: {reason}"
