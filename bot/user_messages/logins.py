"""Logging in to an agent: what the thread sees, and what only the person sees who logs in. Pure."""

from collections.abc import Callable
from typing import Final

from bot.text.markdown import code_block, escape, shortened
from bot.text.printable import visible

TITLE = 60
"""Most characters of an agent's title."""

MESSAGE = 500
"""Most characters of what an agent says about its login page."""

LOG_IN_BUTTON, CANCEL_BUTTON = "Log in", "Cancel"
"""Labels of buttons."""

TOO_SOON: Final = "You have just tried to log in. Please try again in a minute."

CANCELLED: Final = "The login was cancelled."

TIME_OVER: Final = "The login was not completed in time. Use `/login` to try again."

STOPPED: Final = "The login ended because I am stopping. Use `/login` when I'm back."

NOT_RUNNING: Final = "This login is over. Use `/login` to try again."

ENDING: Final = "Another login to this agent is just ending. Try again in a moment."


def shown_title(title: str, *, redact: Callable[[str], str]) -> str:
    """Return an agent's title for the middle of a message; it may be the agent's own words."""
    return escape(shortened(visible(redact(title), 4 * TITLE), TITLE))


def _on_the_host(name: str) -> str:
    return f"run `threadline login {name}` on the machine that runs Threadline"


def logged_out(title: str, name: str, *, by_page: bool) -> str:
    """Tell a thread that its agent is logged out; `by_page` is whether a person may be able to log in from Discord."""
    words = f"On the machine that runs Threadline, run `threadline login {name}`"
    how = f"An approver or admin can press **Log in**, or {_on_the_host(name)}" if by_page else words
    return f"-# ⚠ {title or 'The agent'} is logged out. {how}."


def logged_in(by: int, title: str) -> str:
    """Tell a thread that a person has logged in to its agent."""
    return f"-# ✅ <@{by}> logged in to {title or 'the agent'}. New messages use the login."


# ---- for the person who logs in


def starting(title: str) -> str:
    """Report that the login begins."""
    return f"Logging in to {title or 'the agent'}. Starting…"


def page(title: str, host: str, url: str, message: str, until: int) -> str:
    """Show the page of a login to the person alone; `until` is when it ends, in Unix time."""
    said = (
        f"The agent says:\n{code_block(shortened(visible(message, MESSAGE + 1), MESSAGE))}" if message.strip() else ""
    )
    return (
        f"**Log in to {title or 'the agent'}**\nOpen this page at `{host}`:\n{code_block(url)}{said}\n"
        f"-# Only you can see this. Don't share it. I wait for the login until <t:{until}:t>."
    )


def open_page(host: str) -> str:
    """Return the label of the link to a login page."""
    return f"Open {host}"


def done(title: str) -> str:
    """Report a successful login to the person."""
    return f"✅ You are logged in to {title or 'the agent'}."


def not_from_here(title: str, name: str) -> str:
    """Explain that an agent has no login that works from Discord."""
    return f"{title or 'The agent'} has no login that works from Discord. To log in, {_on_the_host(name)}."


def failed(reason: str, name: str) -> str:
    """Report a failed login to the person, and what else there is."""
    return f"❌ The login failed: {reason}\n-# You can also {_on_the_host(name)}."


def busy(by: int) -> str:
    """Explain that another login to the same agent is in progress."""
    return f"<@{by}> is logging in to this agent now. Try again when that is over."


# ---- status


def status(name: str, *, by_page: bool) -> str:
    """Report in `/status` that the agent is logged out; `by_page` as in `logged_out`."""
    return f"⚠ Logged out. To log in, {'use `/login`, or ' if by_page else ''}{_on_the_host(name)}."
