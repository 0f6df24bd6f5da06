"""The reasons why the bot cannot start: some go away by themselves, some need a person."""

from typing import ClassVar

__all__ = ["NeedsPerson", "StartFailed"]


class StartFailed(Exception):
    """The bot cannot run now; the text says why. Another start may succeed."""

    exit_code: ClassVar = 1


class NeedsPerson(StartFailed):
    """Every further start fails in the same way until a person changes something; the text says what."""

    exit_code: ClassVar = 2
