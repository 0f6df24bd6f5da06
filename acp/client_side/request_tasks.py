"""Runs the agent's slow requests as tasks: a file, a command's exit, a person's answer.

The reader never waits for them. Each is a task, owned by the agent and bounded in number, that ends with its answer,
with the session, with the agent, or when the agent withdraws it ($/cancel_request).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from acp.connection import Connection
from acp.jsonrpc import INTERNAL_ERROR, REQUEST_CANCELLED, Request, RequestId

from .refusal import RequestRefused

MAX_REQUESTS = 64
"""Requests of one agent that run at the same time; further ones are refused."""

log = structlog.stdlib.get_logger("acp")


@dataclass(frozen=True, slots=True)
class _RequestTask:
    session_id: str
    task: asyncio.Task[None]


class RequestTasks:
    """The running requests of one agent."""

    def __init__(self, connection: Connection) -> None:
        """Answer on `connection`."""
        self._connection = connection
        self._running: dict[RequestId, _RequestTask] = {}

    def start(self, request: Request, session_id: str, work: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        """Run `work` and answer the request with its result, or with the `RequestRefused` that it raises."""
        request_id = request.request_id
        if len(self._running) >= MAX_REQUESTS or request_id in self._running:
            self._connection.refuse(request_id, INTERNAL_ERROR, f"{len(self._running)} requests are being done already")
            return
        task = asyncio.create_task(self._run(request_id, work), name=f"{request.method} {request_id!r}")
        self._running[request_id] = _RequestTask(session_id, task)
        task.add_done_callback(partial(self._ended, request_id))

    async def _run(self, request_id: RequestId, work: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        try:
            result = await work()
        except RequestRefused as refusal:
            self._connection.refuse(request_id, refusal.code, refusal.message)
        except Exception:
            # The agent must not wait for ever, and its other requests continue.
            log.exception("a request of the agent could not be done", request_id=request_id)
            self._connection.refuse(request_id, INTERNAL_ERROR, "Internal error")
        else:
            self._connection.answer(request_id, result)

    def _ended(self, request_id: RequestId, task: asyncio.Task[None]) -> None:
        # Not in the task, which never runs when it is cancelled before its first step.
        del self._running[request_id]
        if task.cancelled():
            self._connection.refuse(request_id, REQUEST_CANCELLED, "Request cancelled")

    def cancel(self, request_id: RequestId) -> None:
        """Cancel the task of a request, if it runs."""
        running = self._running.get(request_id)
        if running is not None:
            running.task.cancel()

    async def end(self, session_id: str | None = None) -> None:
        """Cancel the tasks of a session, or all tasks, and wait for their end."""
        tasks = [each.task for each in self._running.values() if session_id in (None, each.session_id)]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
