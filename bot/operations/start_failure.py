"""The reasons why the bot cannot start: temporary ones, and those that need a person."""

from typing import ClassVar


class StartFailed(Exception):
    """The bot cannot run now; the text says why. A later start may succeed."""

    exit_code: ClassVar = 1


class NeedsPerson(StartFailed):
    """Every further start fails until a person changes something; the text says what."""

    exit_code: ClassVar = 2
