"""Summarizes a turn: time, tools, files, tokens and cost, as far as they are known. Pure."""

from dataclasses import dataclass

from acp.schema import UsageUpdate

QUICK_SECONDS = 3.0
"""A turn that was quicker, and used no tool and cost nothing, has no receipt: it would say nothing."""

_CURRENCY = 8
"""Letters of a currency's code: ISO 4217 has three, others a few more."""

_CENT = 0.01

_MOST_COST = 10**12
"""A larger amount is taken for unknown: one of thousands of digits cannot even be shown."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The facts of one turn. None: the agent did not say."""

    seconds: float
    tools: int = 0
    failed: int = 0
    files: int = 0
    """Files that were changed, as the agent reports them."""
    added: int = 0
    removed: int = 0
    tokens: int | None = None
    """Tokens in the context window, out of `window`; without a window the tokens that the turn took."""
    window: int | None = None
    cost: float | None = None
    """What the turn cost, in `currency`; the agent reports the sum of the session."""
    currency: str = ""

    def words(self) -> str:
        """Return the facts on one line; those that are zero or unknown are left out. Empty for a quick answer."""
        if self.seconds < QUICK_SECONDS and not (self.tools or self.files or self.cost):
            return ""
        found = [_time(self.seconds)] if round(self.seconds) else []
        if self.tools:
            failed = f" ({self.failed} failed)" if self.failed else ""
            found.append(f"{_counted(self.tools, 'tool')}{failed}")
        if self.files:
            lines = f" +{self.added} −{self.removed}" if self.added or self.removed else ""
            found.append(f"{_counted(self.files, 'file')} changed{lines}")
        if self.tokens is not None:
            window = f" of {_short(self.window)}" if self.window else ""
            found.append(f"{_short(self.tokens)}{window} tokens")
        if self.cost:
            found.append(_cost(self.cost, self.currency))
        return " · ".join(found)


def cost_of(usage: UsageUpdate) -> tuple[float | None, str]:
    """Return what a session has cost, and the currency, as far as the agent reports them."""
    cost = usage.cost if isinstance(usage.cost, dict) else {}
    amount = cost.get("amount")
    currency = str(cost.get("currency") or "")
    is_code = currency.isalpha() and len(currency) <= _CURRENCY
    known = float(amount) if isinstance(amount, int | float) and -_MOST_COST <= amount <= _MOST_COST else None
    return known, currency if is_code else ""


def _cost(amount: float, currency: str) -> str:
    few = 0 < amount < _CENT  # Rounded, it would read as free.
    number = f"{_CENT if few else amount:.2f}"
    return ("<" if few else "") + (f"${number}" if currency == "USD" else f"{number} {currency}".rstrip())


def _time(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _short(count: int) -> str:
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 100_000 else f"{count / 1000:.0f}k"
