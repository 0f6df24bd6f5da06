"""The reactions that messages get, and which of them are wanted, as the configuration's `[reactions]` says."""

from dataclasses import dataclass

__all__ = ["DONE", "EYE", "FAILED", "WAITING", "Reactions"]

EYE = "👀"
"""Put on a message when it has been accepted."""

WAITING = "⏳"
"""It waits: behind another one, or because its thread cannot be opened yet."""

DONE = "✅"
FAILED = "❌"


@dataclass(frozen=True, slots=True)
class Reactions:
    """Which signs messages get: any, one that stays at the end, and those of what the agent is doing meanwhile."""

    enabled: bool = True
    keep: bool = True
    progress: bool = False

    def end(self, reason: str | None) -> str | None:
        """Return the sign that stays on a message which ended for `reason`: a stop reason, or a word or two."""
        if not (self.enabled and self.keep):
            return None
        return FAILED if reason in {"failed", "refused"} else DONE if reason == "end_turn" else None
