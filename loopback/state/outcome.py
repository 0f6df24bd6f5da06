"""The outcome of a press or a command for a person, and the match of a message."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from .change_signal import ChangeSignal
from .components import text_of
from .entities import Interaction, Json, Message

WAIT: Final = 30.0

Wanted = str | re.Pattern[str] | Callable[[Message], object]


def matches(wanted: Wanted, message: Message) -> bool:
    """Return whether the message's current text has the text, matches the pattern or satisfies the predicate."""
    match wanted:
        case str():
            return wanted in text_of(message)
        case re.Pattern():
            return wanted.search(text_of(message)) is not None
        case _:
            return bool(wanted(message))


class Outcome:
    """An interaction (a click, a choice, a form or a command) as its person sees it."""

    def __init__(self, interaction: Interaction, changes: ChangeSignal) -> None:
        self.interaction = interaction
        self._changes = changes

    def __repr__(self) -> str:
        answer = f"answered {self.response}" if self.acknowledged else "not acknowledged"
        return f"<Outcome of {self.interaction.data.get('name') or self.interaction.data.get('custom_id')}: {answer}>"

    @property
    def acknowledged(self) -> bool:
        """Whether the bot answered within Discord's three seconds."""
        return self.interaction.acknowledged

    @property
    def response(self) -> Json | None:
        """The body of the bot's callback: `type`, `data`."""
        return self.interaction.response

    @property
    def message(self) -> Message | None:
        """The answering message, or after an update the pressed one, with its current content."""
        return self.interaction.original

    @property
    def followups(self) -> list[Message]:
        """The bot's further answers, oldest first."""
        return list(self.interaction.followups.values())

    @property
    def choices(self) -> list[Json]:
        """The choices of an autocomplete."""
        return list(((self.response or {}).get("data") or {}).get("choices") or ())

    async def settled(self, wanted: Wanted = "", *, timeout: float = WAIT) -> Message:
        """Wait until the answer is no longer "thinking" and matches `wanted`. Raises AssertionError on time-out."""

        def settled() -> Message | None:
            message = self.message
            if message is None or self.interaction.loading:
                return None
            return message if matches(wanted, message) else None

        try:
            return await self._changes.until(settled, timeout)
        except TimeoutError:
            raise AssertionError(f"not settled after {timeout:g} s on {wanted!r}: {self.message!r}") from None
