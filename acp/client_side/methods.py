"""Serves the requests of one session to its client: files and terminals, after a person has allowed them.

A request that would fail anyway is refused before a person is asked, so that an allowed one is really done.
"""

import shlex
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from pydantic import ValidationError

from acp.client_side.terminal import ExitStatus
from acp.jsonrpc import INVALID_PARAMS
from acp.schema import CreateTerminal, Diff, ReadTextFile, ToolCallLocation, ToolCallUpdate, UseTerminal, WriteTextFile
from acp.schema.base import said_shortly

from .features import Client
from .filesystem import FileSystem
from .refusal import RequestRefused
from .roots import Roots
from .terminals import Terminals

Permit = Callable[[ToolCallUpdate], Awaitable[None]]
"""Asks a person about a tool call. Returns when they allow it, and raises `RequestRefused` when they do not."""

Method = Callable[[Any, Permit], Awaitable[dict[str, Any]]]


class ClientMethods:
    """Serves one session with the features of its `Client`; close it at the end."""

    def __init__(self, client: Client, roots: Roots | None) -> None:
        """`roots` are the session's directories; None where the client serves neither files nor terminals."""
        self._methods: dict[str, Method] = {}
        self._terminals: Terminals | None = None
        if client.file_system is not None and roots is not None:
            files = _Files(client.file_system(roots))
            self._methods |= {"fs/read_text_file": files.read, "fs/write_text_file": files.write}
        if client.terminals is not None and roots is not None:
            self._terminals = client.terminals(roots)
            shells = _Shells(self._terminals)
            self._methods |= {
                "terminal/create": shells.create,
                "terminal/output": shells.output,
                "terminal/wait_for_exit": shells.wait_for_exit,
                "terminal/kill": shells.kill,
                "terminal/release": shells.release,
            }

    async def fulfil(self, method: str, params: Any, permit: Permit) -> dict[str, Any]:
        """Fulfil a request of a method that `Client.serves` and return the result. Raises `RequestRefused`."""
        try:
            return await self._methods[method](params, permit)
        except ValidationError as error:
            raise RequestRefused(INVALID_PARAMS, f"Invalid params: {said_shortly(error)}") from None

    async def close(self) -> None:
        """End the terminals, see `Terminals.close`."""
        if self._terminals is not None:
            await self._terminals.close()


class _Files:
    def __init__(self, file_system: FileSystem) -> None:
        self._file_system = file_system
        self._numbers = count(1)

    async def read(self, params: Any, permit: Permit) -> dict[str, Any]:
        asked = ReadTextFile.model_validate(params)
        await self._file_system.check_read(asked.path, asked.line, asked.limit)
        await permit(self._call(f"Read {asked.path}", asked.path, kind="read"))
        return {"content": await self._file_system.read_text(asked.path, asked.line, asked.limit)}

    async def write(self, params: Any, permit: Permit) -> dict[str, Any]:
        asked = WriteTextFile.model_validate(params)
        await self._file_system.check_write(asked.path, asked.content)
        try:
            old_text = await self._file_system.read_text(asked.path)
        except RequestRefused:
            old_text = None  # A new file, or one that cannot be shown.
        diff = Diff(path=asked.path, old_text=old_text, new_text=asked.content)
        await permit(self._call(f"Write {asked.path}", asked.path, kind="edit", content=[diff]))
        await self._file_system.write_text(asked.path, asked.content)
        return {}

    def _call(self, title: str, path: str, **details: Any) -> ToolCallUpdate:
        return ToolCallUpdate(
            tool_call_id=f"file-{next(self._numbers)}",
            title=title,
            status="pending",
            locations=[ToolCallLocation(path=path)],
            **details,
        )


class _Shells:
    """Only `create` asks a person: the others concern a command that they have allowed."""

    def __init__(self, terminals: Terminals) -> None:
        self._terminals = terminals
        self._numbers = count(1)

    async def create(self, params: Any, permit: Permit) -> dict[str, Any]:
        asked = CreateTerminal.model_validate(params)
        await self._terminals.check(asked.command, cwd=asked.cwd, output_byte_limit=asked.output_byte_limit)
        env = {variable.name: variable.value for variable in asked.env}
        await permit(self._call(asked, env))
        terminal_id = await self._terminals.create(
            asked.command, asked.args, env=env, cwd=asked.cwd, output_byte_limit=asked.output_byte_limit
        )
        return {"terminalId": terminal_id}

    def _call(self, asked: CreateTerminal, env: dict[str, str]) -> ToolCallUpdate:
        command = shlex.join((asked.command, *asked.args)) if asked.args else asked.command
        # The variables are shown too, since a command can hide in one.
        raw_input = {"command": command, "env": env, "cwd": asked.cwd}
        return ToolCallUpdate(
            tool_call_id=f"command-{next(self._numbers)}",
            title=f"Run {command}",
            kind="execute",
            status="pending",
            raw_input={name: value for name, value in raw_input.items() if value},
        )

    async def output(self, params: Any, _: Permit) -> dict[str, Any]:
        output = self._terminals.output(_terminal_id(params))
        told = {"output": output.text, "truncated": output.truncated}
        return told if output.exit_status is None else told | {"exitStatus": _told(output.exit_status)}

    async def wait_for_exit(self, params: Any, _: Permit) -> dict[str, Any]:
        return _told(await self._terminals.wait_for_exit(_terminal_id(params)))

    async def kill(self, params: Any, _: Permit) -> dict[str, Any]:
        await self._terminals.kill(_terminal_id(params))
        return {}

    async def release(self, params: Any, _: Permit) -> dict[str, Any]:
        await self._terminals.release(_terminal_id(params))
        return {}


def _terminal_id(params: Any) -> str:
    return UseTerminal.model_validate(params).terminal_id


def _told(status: ExitStatus) -> dict[str, Any]:
    return {"exitCode": status.exit_code, "signal": status.signal}
