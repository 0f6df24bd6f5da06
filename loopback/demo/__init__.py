"""The demo: the small Discord, two people and a real bot process, drawn in a terminal; then yours to use.

It knows nothing of the bot but its command line, which the caller makes from a `DemoLab`.
"""

from .runner import demo
from .scenario import DemoLab

__all__ = ["DemoLab", "demo"]
