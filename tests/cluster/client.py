"""A client program of an engine (ssh, srun, kubectl), as a test runs it."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from tests.cluster.daemon import BOUND


@asynccontextmanager
async def client(*argv: str, env: Mapping[str, str] | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a client with pipes for the block. It is killed at the end."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, **(env or {})}
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def ran(
    *argv: str, env: Mapping[str, str] | None = None, stdin: bytes | None = None
) -> tuple[int | None, str, str]:
    """Run a client to its end. Return its exit status, and what it wrote to stdout and to stderr."""
    async with client(*argv, env=env) as process, asyncio.timeout(BOUND):
        out, err = await process.communicate(stdin)
    return process.returncode, out.decode(), err.decode()


async def line(process: asyncio.subprocess.Process) -> str:
    """Return the next line of a client's stdout, without its end; "" when there is no more."""
    assert process.stdout is not None
    async with asyncio.timeout(BOUND):
        return (await process.stdout.readline()).decode().rstrip("\n")
