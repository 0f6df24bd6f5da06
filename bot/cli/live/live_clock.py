"""The one clock by which a live check waits. Tests drive another one."""

import asyncio


class LiveClock:
    """Time that passes by itself."""

    def now(self) -> float:
        """Return seconds that only grow."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)
