"""The baseline: a simple ACP client with StreamReader.readline, json.loads, and for each agent a queue and a task."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

END_SECONDS: Final = 5.0


class BaselineClient:
    """A client of one agent, with one request at a time."""

    def __init__(self, process: Process) -> None:
        """Wrap a started agent. Use `baseline_client`."""
        self._process = process
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._last_id = 0
        self._session_id = ""

    async def read(self) -> None:
        """Read messages until the agent's output ends."""
        stream = self._process.stdout
        while stream is not None and (line := await stream.readline()):
            await self._queue.put(json.loads(line))

    async def open(self, cwd: Path) -> None:
        """Initialize the agent and open a session."""
        await self._request("initialize", {"protocolVersion": 1, "clientCapabilities": {}})
        opened = await self._request("session/new", {"cwd": str(cwd), "mcpServers": []})
        self._session_id = opened["sessionId"]

    async def prompt(self, text: str, on_text: Callable[[str], None]) -> None:
        """Send a prompt, and pass each chunk of the answer to `on_text`."""
        params = {"sessionId": self._session_id, "prompt": [{"type": "text", "text": text}]}
        await self._request("session/prompt", params, on_text)

    async def _request(
        self, method: str, params: Mapping[str, Any], on_text: Callable[[str], None] | None = None
    ) -> dict[str, Any]:
        self._last_id += 1
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            await self._process.stdin.drain()
        while True:
            message = await self._queue.get()
            if message.get("id") == self._last_id:
                result: dict[str, Any] = message["result"]
                return result
            update = message["params"]["update"]
            if on_text is not None and update["sessionUpdate"] == "agent_message_chunk":
                on_text(update["content"]["text"])


@asynccontextmanager
async def baseline_client(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> AsyncIterator[BaselineClient]:
    """Run an agent for the block."""
    process = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, cwd=cwd, env=env)
    client = BaselineClient(process)
    reading = asyncio.create_task(client.read(), name=f"naive-{process.pid}")
    try:
        yield client
    finally:
        reading.cancel()
        if process.stdin is not None:
            process.stdin.close()
        with suppress(TimeoutError, ProcessLookupError):
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
