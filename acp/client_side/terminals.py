"""The terminals of an agent: the commands that it runs through its client (`terminal/*`).

This is no sandbox. A command starts in one of the session's directories and may then do whatever the user may.
"""

import asyncio
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from acp.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS
from acp.process.orphans import MARKER

from .refusal import NOT_FOUND, RequestRefused
from .roots import Roots
from .terminal import ExitStatus, Output, Terminal

__all__ = ["DEFAULT_OUTPUT_BYTES", "MAX_OUTPUT_BYTES", "MAX_TERMINALS", "ExitStatus", "Output", "Terminals"]

DEFAULT_OUTPUT_BYTES = 1024 * 1024
"""What is kept of a command's output where the agent names no limit."""

MAX_OUTPUT_BYTES = 10 * 1024 * 1024
"""What is kept at most, whatever limit the agent names."""

MAX_TERMINALS = 16
"""Terminals of a session that are not released, whether their commands run or not."""

SHELLS = frozenset({"ash", "bash", "dash", "ksh", "sh", "zsh"})
"""Shells that understand what agents write. Other values of SHELL (fish, nologin) are passed over for /bin/sh."""


class Terminals:
    """The terminals of one session; `async with` closes them.

    Each command gets `environment` (the agent's), what its request names, and `marker` (the agent's), by which the
    agent's own stop ladder finds what it left. All methods raise `RequestRefused`, with `NOT_FOUND` for an id that
    does not exist or was released.
    """

    def __init__(self, roots: Roots, environment: Mapping[str, str], marker: str) -> None:
        """Run commands in `roots`, the first of them where a request names none."""
        self._roots = roots
        self._environment = environment
        self._marker = marker
        self._terminals: dict[str, Terminal] = {}
        self._closed = False
        self._starting = asyncio.Lock()

    def __repr__(self) -> str:
        """Read like a status line."""
        running = sum(terminal.exit_status is None for terminal in self._terminals.values())
        return f"<Terminals {len(self._terminals)} of {MAX_TERMINALS}, {running} running>"

    async def __aenter__(self) -> Self:
        """Start without a running command."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    async def create(
        self,
        command: str,
        args: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        output_byte_limit: int | None = None,
    ) -> str:
        """Start a command and return the id of its terminal at once.

        With `args`, `command` is a program, looked for on the command's own PATH. Without, it is what agents send: a
        line for a shell, which is SHELL where that is one of `SHELLS`, else /bin/sh; unless it is the absolute path
        of a program. `cwd` must be an absolute directory inside the roots. `output_byte_limit` is cut to
        `MAX_OUTPUT_BYTES`.
        """
        directory = await self.check(command, cwd=cwd, output_byte_limit=output_byte_limit)
        limit = DEFAULT_OUTPUT_BYTES if output_byte_limit is None else output_byte_limit
        variables = {**self._environment, **(env or {}), MARKER: self._marker}
        # One at a time, so that the count holds and `close` can wait for the one that is under way.
        async with self._starting:
            if self._closed:
                raise RequestRefused(INTERNAL_ERROR, "the session is being closed")
            self._require_room()
            terminal = await Terminal.spawn(
                f"terminal-{secrets.token_hex(8)}",
                _argv(command, args, variables.get("SHELL", "")),
                cwd=directory,
                env=variables,
                limit=min(limit, MAX_OUTPUT_BYTES),
            )
            self._terminals[terminal.terminal_id] = terminal
        return terminal.terminal_id

    async def check(self, command: str, *, cwd: str | None = None, output_byte_limit: int | None = None) -> Path:
        """Raise what `create` would, as far as that can be told now; else return the directory of the command."""
        if not command:
            raise RequestRefused(INVALID_PARAMS, "the command is empty")
        if output_byte_limit is not None and output_byte_limit < 0:
            raise RequestRefused(INVALID_PARAMS, "the output limit is negative")
        self._require_room()
        return self._roots.first if cwd is None else await self._roots.in_thread(self._roots.directory, cwd)

    def _require_room(self) -> None:
        if len(self._terminals) >= MAX_TERMINALS:
            raise RequestRefused(INTERNAL_ERROR, f"{MAX_TERMINALS} terminals are not released; release one first")

    def output(self, terminal_id: str) -> Output:
        """Return the output so far."""
        return self._find(terminal_id).output

    async def wait_for_exit(self, terminal_id: str) -> ExitStatus:
        """Wait until the command has ended. Takes as long as the command does, or until the terminal is released."""
        return await self._find(terminal_id).wait()

    async def kill(self, terminal_id: str) -> None:
        """End the command and all that it started, as `Terminal.kill`. Its output and exit can still be asked for."""
        await self._find(terminal_id).kill()

    async def release(self, terminal_id: str) -> None:
        """Kill and forget. The place is free again when nothing of the command runs any more."""
        await self._find(terminal_id).close()
        self._terminals.pop(terminal_id, None)  # Another release may have been as quick.

    async def close(self) -> None:
        """Release all terminals, side by side, and start no more. Whoever waits for an exit is told.

        Takes as long as the slowest `Terminal.kill`: 4 s, 10 s at the worst.
        """
        async with self._starting:
            self._closed = True
        async with asyncio.TaskGroup() as group:
            for terminal in self._terminals.values():
                group.create_task(terminal.close(), name=f"close {terminal.terminal_id}")
        self._terminals.clear()

    def _find(self, terminal_id: str) -> Terminal:
        try:
            return self._terminals[terminal_id]
        except KeyError:
            raise RequestRefused(NOT_FOUND, f"there is no terminal {terminal_id[:100]!r}") from None


def _argv(command: str, args: Sequence[str], shell: str) -> Sequence[str]:
    if args:
        return (command, *args)
    if command.startswith("/") and os.access(command, os.X_OK) and Path(command).is_file():
        return (command,)
    known = Path(shell).name in SHELLS and os.access(shell, os.X_OK)
    return (shell if known else "/bin/sh", "-c", command)
