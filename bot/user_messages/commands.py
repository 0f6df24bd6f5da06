"""Slash commands and message menus: their descriptions, options and answers. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "agent": "Give this thread another agent, with a new session",
        "ask": "Ask an agent: in a channel this opens a thread",
        "btw": "Ask a side question: the conversation and a running turn are not affected",
        "cancel": "Stop the running turn; waiting messages are put on hold",
        "close": "Stop the agent and archive the thread. The session is kept; a new message resumes it.",
        "config": "Change an agent setting",
        "diff": "Show what has changed in the agent's folder, as a patch",
        "export": "Get this thread as a Markdown file",
        "fork": "Continue this conversation in a new thread; this one stays as it is",
        "help": "Show help",
        "login": "Log in to this thread's agent",
        "mode": "Change the agent's mode: what it asks before it acts",
        "model": "Change the agent's model",
        "queue": "Show or drop queued messages",
        "reload": "Read the configuration again; running turns are not affected",
        "reset": "Stop the turn and start a new session; the agent forgets this conversation",
        "resume": "Resume messages on hold, or an earlier session",
        "run": "Run one of the agent's own commands",
        "sessions": "List the running agents",
        "status": "Show what this thread's agent is doing",
    }
)
"""By the command's name."""

AGENT_NAME = "Agent, by its name in the configuration"
ASK_REQUEST = "Your question or task"
ASK_AGENT = "Agent to use (new conversations only)"
RUN_COMMAND = "Command of the agent"
RUN_TEXT = "Arguments"
FORK_TEXT = "First message for the new thread"
SIDE_TEXT = "Your question"
RESUME_SESSION = "An earlier session of this thread; admins can choose any session that no thread uses"

ASK_ABOUT_MENU = "Ask about this message"
FORK_MENU = "Fork from here"
RETRY_MENU = "Retry request"
SEND_NOW_MENU = "Send queued message now"

ABOUT_FORM_TITLE = "Ask about this message"
ABOUT_QUESTION = "What do you want to know?"

HELP = """\
Mention me in a channel, or use `/ask`: I open a thread with an agent of its own. In the thread every message goes to \
the agent; what you write while it works goes into its turn or waits for the next one. It asks with buttons before it \
does anything that needs your permission.
"""

FAILED = "Something went wrong; the bot's log has the reason."

# ---- asking

STOPPING = "I'm about to stop. Please ask again when I'm back."
NO_REQUEST = "There is no question or task in this request."
NO_SUCH_AGENT = "There is no such agent here."
OTHER_AGENT = "This thread has another agent. `/agent` changes that."
SAME_AGENT = "This is already the thread's agent."
NO_SUCH_COMMAND = "The agent has no such command."
NO_COMMANDS = "No commands are known yet. Send the agent a message first."
NOT_A_REQUEST = "This message was not a request to the agent."
ALREADY_QUEUED = "This message is already queued or running."

QUOTE_ALONE = "(a message from someone else, without a comment)"
"""Stands for the text of a request that only quotes."""


def asks(author_id: int, text: str) -> str:
    """Show a person's request."""
    return f"<@{author_id}> asks:\n>>> {text}"


def asking_again(thread_id: int) -> str:
    """Report a retry that is being posted elsewhere."""
    return f"Asking again in <#{thread_id}>…"


def asked_again(thread_id: int) -> str:
    """Report a retry that was posted elsewhere."""
    return f"Asked again in <#{thread_id}>."


def not_asked_again(reason: str) -> str:
    """Explain why a retry could not be posted."""
    return f"The request could not be sent again: {reason}. Use `/ask` to send a new one."


def own_command(name: str, hint: str, description: str) -> str:
    """Describe one of the agent's own commands."""
    return name + (f" [{hint}]" if hint else "") + (f" — {description}" if description else "")


# ---- what people have changed


def agent_changed(by: int, title: str) -> str:
    """Report a thread's new agent."""
    return f"-# 🔀 <@{by}> set the agent to {title}. The next message starts a new session with no memory of this one."


def session_reset(by: int) -> str:
    """Report that a thread forgets its session."""
    return f"-# 🔀 <@{by}> reset the session. The next message starts a new one with no memory of this one."


def closed(*, known: bool) -> str:
    """Report a closed thread; `known` is whether its session is kept."""
    return f"Closed. A new message {'resumes the session' if known else 'starts a new session'}."


def not_archived(reason: str) -> str:
    """Explain why a closed thread stays in the list."""
    return f"-# ⚠ I can't archive this thread: {reason}"


def command_list(commands: Mapping[str, str], menus: Sequence[str]) -> str:
    """List the commands with their descriptions, and the message menus."""
    lines = [f"`/{name}` {description}" for name, description in sorted(commands.items())]
    if menus:
        lines.append(f"Right-click a message → Apps: {', '.join(menus)}.")
    return "\n".join([HELP, *lines])


def reloaded(applied: Sequence[str], waiting: Sequence[str], mistake: str) -> str:
    """Report a reload: the keys that apply now, those that need a restart, and why nothing was applied."""
    if mistake:
        return f"The configuration has errors, so nothing has changed:\n{mistake}"
    lines = [f"Applied: {', '.join(applied)}."] if applied else []
    if waiting:
        lines.append(f"Changed, but needs a restart: {', '.join(waiting)}.")
    return "\n".join(lines) or "Nothing has changed in the configuration."
