"""The questions between the pages of a reply: each is posted when the pages above it stand, and before those below."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(eq=False, slots=True)
class _Card:
    """A question's card: how many pages stand above it, and how it is posted."""

    above: int
    post: Callable[[], None]
    released: bool = False


class CardQueue:
    """The cards of one reply that do not stand yet, in order. One is posted at a time."""

    def __init__(self, on_stands: Callable[[], None]) -> None:
        """`on_stands` is called when the next card, or what follows the last one, may be posted."""
        self._on_stands = on_stands
        self._cards: deque[_Card] = deque()
        self.passed = 0
        """How many pages are above the last card that stands."""

    def __bool__(self) -> bool:
        """Whether a card does not stand yet."""
        return bool(self._cards)

    @property
    def is_posting(self) -> bool:
        """Whether the first card is being posted: until it stands nothing can be written."""
        return bool(self._cards) and self._cards[0].released

    @property
    def above(self) -> int | None:
        """How many pages may be written before the first card stands; None where no card is waiting."""
        return self._cards[0].above if self._cards else None

    def add(self, above: int, post: Callable[[], None]) -> Callable[[], None]:
        """Queue a card below `above` pages; call what is returned when it stands, or when it never will."""
        card = _Card(above, post)
        self._cards.append(card)
        return lambda: self._stands(card)

    def release_first(self) -> None:
        """Post the first card, once."""
        card = self._cards[0] if self._cards else None
        if card is not None and not card.released:
            card.released = True
            card.post()

    def release_all(self) -> None:
        """Post all cards: what is above them cannot be written."""
        cards, self._cards = self._cards, deque()
        for card in cards:
            if not card.released:
                card.released = True
                card.post()

    def _stands(self, card: _Card) -> None:
        if card in self._cards:
            self._cards.remove(card)
            self.passed = max(self.passed, card.above)
            self._on_stands()
