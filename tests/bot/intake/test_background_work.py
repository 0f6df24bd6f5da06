"""Work that outlasts the command that began it."""

import asyncio

import pytest
from structlog.testing import capture_logs

from bot.intake.background_work import BackgroundWork


async def test_one_piece_of_work_that_fails_leaves_the_others_alone() -> None:
    """Its error is logged. Work that is started before the application has begun waits for that."""
    background, done = BackgroundWork(), asyncio.Event()

    async def fail() -> None:
        raise ValueError("broken")

    async def work() -> None:
        done.set()

    with capture_logs() as logs:
        starting = asyncio.create_task(background.start(fail(), "first"))
        running = asyncio.create_task(background.run())
        await starting
        await background.start(work(), "second")
        await done.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert [(line["event"], line["work"]) for line in logs] == [("work in the background failed", "first")]


async def test_a_stop_ends_the_work_and_takes_no_more() -> None:
    """What is written down is left for the next start."""
    background, begun = BackgroundWork(), asyncio.Event()
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    running = asyncio.create_task(background.run())
    await background.start(work("first"), "first")
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await background.start(work("second"), "second")
    assert ended == ["first"]
