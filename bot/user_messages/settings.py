"""An agent's settings: the menus, and what people have set. Pure."""

from collections.abc import Sequence

UNKNOWN = "No settings are known yet. Send the agent a message first."

WHICH = "Which setting?"

NOT_OFFERED = "The agent no longer offers this."

CHOOSE = "Choose one"

CHOOSE_OR_TURN = "Choose one (more pages below)"

BACK_BUTTON = "Back"
MORE_BUTTON = "More"

NO_NAME = "(no name)"

ON = "On"
OFF = "Off"


def title(name: str, description: str) -> str:
    """Head the menu of one setting."""
    return f"**{name}** {description}".strip()


def now(value: str) -> str:
    """Name a setting's current value."""
    return f"now: {value}"


def setting(name: str, value: str) -> str:
    """Report a value that is being set."""
    return f"Setting {name} to {value}…"


def changed(by: int, name: str, value: str, *, category: str, remarks: Sequence[str]) -> str:
    """Tell a thread what a person has set; `category` is the option's, each of the `remarks` has a capital."""
    what = {"mode": "the mode", "model": "the model"}.get(category, name)
    return " · ".join((f"-# 🔀 <@{by}> set {what} to {value}", *remarks))


WHEN_AWAKE = "Applies when the agent wakes up"

UNTIL_ASLEEP = "Until the agent sleeps: I can't save changes right now"


def not_taken(name: str, value: str) -> str:
    """Report that the agent answered with another value."""
    return f"The agent did not set {name} to {value}: it reports another value."


def failed(name: str, value: str, reason: str) -> str:
    """Report the agent's error."""
    return f"{name} could not be set to {value}: {reason}"
