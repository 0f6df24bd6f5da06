"""The terminals of an agent: the commands that it runs through its client (`terminal/*`).

A command starts in one of the session's directories. It has all rights of the user, or runs in a sandbox of its own
that is like the agent's.
"""

import asyncio
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from acp.errors import SpawnFailed
from acp.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS
from acp.process.orphans import MARKER
from acp.process.sandbox import Sandbox, enter, look

from .output_tail import DEFAULT_OUTPUT_BYTES, MAX_OUTPUT_BYTES
from .refusal import NOT_FOUND, RequestRefused
from .roots import Roots
from .terminal import ExitStatus, Output, Terminal

MAX_TERMINALS = 16
"""Unreleased terminals of a session, whether their commands run or not."""

SHELLS = frozenset({"ash", "bash", "dash", "ksh", "sh", "zsh"})
"""Shells that understand the lines of agents. /bin/sh replaces other values of SHELL (fish, nologin)."""


class Terminals:
    """The terminals of one session. Call `close` at the end.

    Each command gets the agent's `environment`, the variables of its request, and the agent's `marker`, by which the
    agent's own stop ladder finds its remains. All methods raise `RequestRefused`, with `NOT_FOUND` for an unknown or
    released id.
    """

    def __init__(
        self, roots: Roots, environment: Mapping[str, str], marker: str, sandbox: Sandbox | None = None
    ) -> None:
        """Run commands in `roots`, the first of them where a request names none; in a sandbox like this one, if any."""
        self._roots = roots
        self._sandbox = sandbox
        self._environment = environment
        self._marker = marker
        self._terminals: dict[str, Terminal] = {}
        self._closed = False
        self._starting = asyncio.Lock()

    def __repr__(self) -> str:
        """Read like a status line."""
        running = sum(terminal.exit_status is None for terminal in self._terminals.values())
        return f"<Terminals {len(self._terminals)} of {MAX_TERMINALS}, {running} running>"

    async def create(
        self,
        command: str,
        args: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        output_byte_limit: int | None = None,
    ) -> str:
        """Start a command and return the id of its terminal.

        With `args`, `command` is a program, searched on the command's own PATH. Without `args` it is the absolute path
        of a program, or a line for a shell: SHELL if it is one of `SHELLS`, else /bin/sh. `cwd` must be an absolute
        directory inside the roots. `output_byte_limit` is cut to `MAX_OUTPUT_BYTES`.
        """
        directory = await self.check(command, cwd=cwd, output_byte_limit=output_byte_limit)
        limit = DEFAULT_OUTPUT_BYTES if output_byte_limit is None else output_byte_limit
        variables = {**self._environment, **(env or {}), MARKER: self._marker}
        # One at a time, so that the count holds and `close` can wait for a start.
        async with self._starting:
            if self._closed:
                raise RequestRefused(INTERNAL_ERROR, "the session is being closed")
            self._require_room()
            shell = variables.get("SHELL", "")
            if self._sandbox is None:
                line = _argv(command, args, shell)
            else:
                line = _argv_inside(command, args, shell)
                line, variables, directory = await self._enter(self._sandbox, line, variables, directory)
            terminal = await Terminal.spawn(
                f"terminal-{secrets.token_hex(8)}",
                line,
                cwd=directory,
                env=variables,
                limit=min(limit, MAX_OUTPUT_BYTES),
            )
            self._terminals[terminal.terminal_id] = terminal
        return terminal.terminal_id

    async def _enter(
        self, sandbox: Sandbox, line: Sequence[str], variables: Mapping[str, str], directory: Path
    ) -> tuple[Sequence[str], dict[str, str], Path]:
        try:
            facts = await look(sandbox, cwd=directory, env=self._environment)
        except SpawnFailed as error:
            raise RequestRefused(INTERNAL_ERROR, str(error)) from None
        entered = enter(sandbox, facts, line, variables)
        return entered.argv, entered.env, entered.cwd

    async def check(self, command: str, *, cwd: str | None = None, output_byte_limit: int | None = None) -> Path:
        """Raise what `create` would, as far as known now; else return the directory of the command."""
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
        """Wait, without a bound, until the command has ended or the terminal is released."""
        return await self._find(terminal_id).wait()

    async def kill(self, terminal_id: str) -> None:
        """End the command and all that it started, see `Terminal.kill`. Its output and exit stay."""
        await self._find(terminal_id).kill()

    async def release(self, terminal_id: str) -> None:
        """Kill and forget. The place is free again once all processes of the command have ended."""
        await self._find(terminal_id).close()
        self._terminals.pop(terminal_id, None)  # A second release may run at the same time.

    async def close(self) -> None:
        """Release all terminals concurrently, and start no more. Releases all waiters.

        Takes as long as the slowest `Terminal.kill`: 4 s, 10 s at worst.
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


_CHOOSE = """\
if [ "${1#/}" != "$1" ] && [ -f "$1" ] && [ -x "$1" ]; then exec "$1"; fi
if [ -x "$0" ]; then exec "$0" -c "$1"; fi
exec /bin/sh -c "$1"
"""
"""Runs `$1` as a program, or as a line for the shell `$0`."""


def _argv_inside(command: str, args: Sequence[str], shell: str) -> Sequence[str]:
    """Return what chooses inside a sandbox, so that it does not tell what exists outside."""
    known = shell if Path(shell).name in SHELLS else "/bin/sh"
    return (command, *args) if args else ("/bin/sh", "-c", _CHOOSE, known, command)
