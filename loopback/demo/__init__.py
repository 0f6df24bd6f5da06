"""The demo: the small Discord, two people and a real bot process, drawn in a terminal; then yours to use.

It knows nothing of the bot but its command line, which the caller makes from a `Place`.
"""

from .runner import Place, demo

__all__ = ["Place", "demo"]
