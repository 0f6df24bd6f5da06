"""The options and commands of a thread's agent, as its session reports them now or last reported them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from acp import Session
from acp.session_options import Option, Value

OPTIONS, CHOICES, COMMANDS = 50, 500, 200
"""How many of each are kept; real agents have some dozens."""

NAME = 200
"""Characters kept of a description."""


@dataclass(frozen=True, slots=True)
class Command:
    """One of the agent's own commands; `hint` describes its argument."""

    name: str
    description: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """Options and commands, bounded in number."""

    options: tuple[Option, ...] = ()
    commands: tuple[Command, ...] = ()
    title: str = ""
    """The agent's name for people, from when it last ran."""

    @classmethod
    def of(cls, session: Session, title: str = "") -> "AgentOptions":
        """Read the current options of a session, whose agent has that title."""
        return cls(
            tuple(replace(each, choices=each.choices[:CHOICES]) for each in session.options[:OPTIONS]),
            tuple(
                Command(each.name, each.description[:NAME], _hint(each.input)[:NAME])
                for each in session.commands[:COMMANDS]
            ),
            title[:NAME],
        )

    def option(self, category: str) -> Option | None:
        """Return the first option of a category that has choices."""
        return next((each for each in self.options if each.category == category and each.choices), None)

    def current(self, category: str) -> str:
        """Return the name of a category's current value; empty where there is no such option."""
        option = self.option(category)
        if option is None:
            return ""
        return next((each.name for each in option.choices if each.value == option.current), str(option.current))

    def without(self, redact: Callable[[str], str]) -> "AgentOptions":
        """Return a copy whose texts for people are redacted; ids, values and command names stay as they are."""
        return AgentOptions(
            tuple(_shown(each, redact) for each in self.options),
            tuple(
                replace(each, description=redact(each.description), hint=redact(each.hint)) for each in self.commands
            ),
            redact(self.title),
        )

    def with_value(self, option_id: str, value: Value) -> "AgentOptions":
        """Return a copy in which an option has another value."""
        options = (replace(each, current=value) if each.option_id == option_id else each for each in self.options)
        return replace(self, options=tuple(options))


def _shown(option: Option, redact: Callable[[str], str]) -> Option:
    choices = (
        replace(each, name=redact(each.name), description=redact(each.description), group=redact(each.group))
        for each in option.choices
    )
    name, description = redact(option.name), redact(option.description)
    return replace(option, name=name, description=description, choices=tuple(choices))


def _hint(told: Any) -> str:
    return str(told.get("hint") or "") if isinstance(told, dict) else ""


_OFFERS = TypeAdapter(AgentOptions)


def write_options(offers: AgentOptions) -> str:
    """Serialize them for the journal."""
    return _OFFERS.dump_json(offers).decode()


def read_options(text: str) -> AgentOptions:
    """Parse them from the journal; unreadable text gives no options."""
    try:
        return _OFFERS.validate_json(text)
    except ValueError:
        return AgentOptions()
