"""The kinds of places that keep the contract of `Place`; `test_contract` is run over each."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

from acp import Place
from acp.places.here import Here


@asynccontextmanager
async def here(_: Path) -> AsyncIterator[Place]:
    """Open this machine."""
    yield Here()


KINDS: Final[dict[str, Callable[[Path], AbstractAsyncContextManager[Place]]]] = {"here": here}
"""Opens a place, by its kind. Each gets a directory for files of its own. The place sees this machine's files."""
