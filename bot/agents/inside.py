"""Runs a short program in a sandbox, with the same arguments of the engine as an agent gets."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from acp import SpawnFailed
from acp.process.sandbox import Sandbox, enter, look
from bot.user_messages import agent_errors, sandbox_errors

MAKING_SECONDS = 20.0
"""Bound of making a sandbox, which takes milliseconds."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended."""

    status: int
    output: bytes
    stderr: tuple[str, ...]


async def run_inside(
    sandbox: Sandbox, program: Path, args: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: bytes = b""
) -> Ended:
    """Run a program until it ends; the caller has the bound. Raises `SpawnFailed`; no process is left."""
    facts = await look(sandbox, cwd=cwd, env=env)
    entered = enter(sandbox, replace(facts, program=program), (str(program), *args), env)
    process = await asyncio.create_subprocess_exec(
        *entered.argv, cwd=entered.cwd, env=entered.env, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
    )
    try:
        output, said = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            process.kill()  # What is inside ends with it.
            await process.wait()
    return Ended(process.returncode or 0, output, tuple(said.decode("utf-8", "replace").splitlines()))


async def why_no_sandbox() -> str:
    """Make a sandbox for a program that does nothing; return why that fails, empty where it works."""
    if sys.platform != "linux":
        return sandbox_errors.NEEDS_LINUX
    try:
        with TemporaryDirectory(prefix="threadline-probe-") as folder:
            async with asyncio.timeout(MAKING_SECONDS):
                ended = await run_inside(Sandbox(), Path("/bin/sh"), ("-c", ":"), cwd=Path(folder), env={})
    except TimeoutError:
        return sandbox_errors.too_slow(MAKING_SECONDS)
    except SpawnFailed as error:
        return agent_errors.start_problem(error)
    return sandbox_errors.reason(ended.stderr) if ended.status else ""
