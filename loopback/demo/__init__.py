"""The demo: two people and a real bot process on loopback, drawn in a terminal, which the operator then uses.

It knows only the bot's command line, which the caller makes from a `DemoLab`.
"""

from .runner import demo
from .scenario import DemoLab

__all__ = ["DemoLab", "demo"]
