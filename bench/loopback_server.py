"""Measures loopback as a process: the cost of a request, and the growth of its memory."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from bench.procfs import cpu_seconds, rss
from bench.run import Failed, Measurement, Run
from bench.statistics import Against, Figure

CONNECTIONS: Final = 8
AIM: Final = 2_000
"""The aim in requests a second on one core, so that benchmarks do not measure the server."""

BOUND: Final = 300.0
CONTENT: Final = "word " * 40
_EVENTS: Final = 1 << 0 | 1 << 9 | 1 << 15
_MB: Final = 1e6


@dataclass(frozen=True, slots=True)
class _Server:
    """A running `python -m loopback`."""

    pid: int
    endpoint: str
    token: str
    channel: str

    def request(self, method: str, path: str, body: Any) -> bytes:
        """Return a whole HTTP request, which costs the client little to send."""
        raw = json.dumps(body).encode()
        head = (
            f"{method} /api/v10/channels/{self.channel}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bot {self.token}\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
        )
        return head.encode() + raw


async def _measure(run: Run) -> list[Figure]:
    async with _serving() as server, _listening(server):
        count, filling, messages = run.choose((20_000, 30_000, 100_000), (2_000, 2_000, 6_000))
        posts = await _per_cpu_second(run, server, "posting", count, server.request("POST", "/messages", _SAID))
        message_id = json.loads(await _once(server, server.request("POST", "/messages", _SAID)))["id"]
        edit = server.request("PATCH", f"/messages/{message_id}", _SAID)
        edits = await _per_cpu_second(run, server, "editing", count, edit)
        post = server.request("POST", "/messages", _SAID)
        await _repeat(run, server, "filling", filling, post)
        before = rss(server.pid)
        await _repeat(run, server, "posting on", messages - filling, post)
        growth = rss(server.pid) - before
    aim = Against("requests a second aimed at", AIM)
    how = f"{count} by {CONNECTIONS} connections, divided by the server's CPU seconds; a gateway session listens"
    return [
        Figure("posts, for a CPU second", posts, "/s", how, aim),
        Figure("edits, for a CPU second", edits, "/s", how, aim),
        Figure(
            "growth while full",
            growth / _MB,
            "MB",
            f"resident, from {filling} to {messages} messages; a bounded number is kept",
            Against("MB resident before", before / _MB),
        ),
    ]


MEASUREMENT: Final = Measurement("loopback", "Loopback", _measure)
_SAID: Final = {"content": CONTENT}


@asynccontextmanager
async def _serving() -> AsyncIterator[_Server]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "loopback", "--port", "0", "--hands-port", "0", stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is None or not (line := await process.stdout.readline()):
            raise Failed("loopback did not start")
        facts = json.loads(line)
        yield _Server(process.pid, facts["endpoint"], facts["token"], facts["channel"])
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _listening(server: _Server) -> AsyncIterator[None]:
    """Read all events of a bot's gateway session during the block."""
    url = server.endpoint.replace("http", "ws", 1) + "/gateway/?v=10&encoding=json"
    async with aiohttp.ClientSession() as http, http.ws_connect(url, max_msg_size=0) as socket:
        await socket.send_json({"op": 2, "d": {"token": server.token, "intents": _EVENTS, "properties": {}}})

        async def read() -> None:
            async for _ in socket:
                pass

        reading = asyncio.create_task(read(), name="gateway reader")
        try:
            yield
        finally:
            await socket.close()
            await reading


async def _per_cpu_second(run: Run, server: _Server, what: str, count: int, request: bytes) -> float:
    await _repeat(run, server, what, count // 10, request)
    before = cpu_seconds(server.pid)
    await _repeat(run, server, what, count, request)
    return count / max(cpu_seconds(server.pid) - before, 0.01)


async def _repeat(run: Run, server: _Server, what: str, count: int, request: bytes) -> None:
    left = count

    async def ask(exchange: Callable[[bytes], Awaitable[bytes]]) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await exchange(request)
            if left % 1_000 == 0:
                run.progress.step(what, count - left, count)

    async def connection() -> None:
        async with _connected(server) as exchange:
            await ask(exchange)

    async with asyncio.timeout(BOUND), asyncio.TaskGroup() as tasks:
        for number in range(CONNECTIONS):
            tasks.create_task(connection(), name=f"connection {number}")


async def _once(server: _Server, request: bytes) -> bytes:
    async with _connected(server) as exchange:
        return await exchange(request)


@asynccontextmanager
async def _connected(server: _Server) -> AsyncIterator[Callable[[bytes], Awaitable[bytes]]]:
    """Keep a connection. The yielded function sends one request and returns the answer's body, or raises Failed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.endpoint.rpartition(":")[2]))

    async def exchange(request: bytes) -> bytes:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise Failed(f"loopback answered {head.partition(bytes((13,)))[0].decode()}")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        return await reader.readexactly(length)

    try:
        yield exchange
    finally:
        writer.close()
        await writer.wait_closed()
