"""What an agent needs of the process under it: its streams, its end, and why it ended."""

from typing import Protocol

from acp.connection import Connection, Transport
from acp.errors import AgentClosed, CloseReason


class Receiver(Protocol):
    """What gets the bytes of a process, and learns of its end: a `Connection`, or what stands before one."""

    def feed(self, data: bytes) -> None:
        """Take bytes that the process wrote."""

    def closed(self, error: AgentClosed) -> None:
        """Note that the process has ended, or has closed its stdout."""

    def pause_writing(self) -> None:
        """Note that the process does not read what it is sent."""

    def resume_writing(self) -> None:
        """Note that it reads again."""


class AgentTransport(Transport, Protocol):
    """The streams and the process under an agent: a local process, one at another place, or in tests two pipes."""

    @property
    def pid(self) -> int:
        """The process id on this machine: the agent's, or that of the client which leads to it."""

    def attach(self, connection: Connection) -> None:
        """Feed `connection` with what the agent writes, from the first byte on."""

    def describe(self, reason: CloseReason) -> AgentClosed:
        """Build the error for a request that the agent did not answer, with its exit status and last stderr lines."""

    async def stop(self) -> None:
        """End the agent and all that it started, within a bound."""

    def kill(self) -> None:
        """Kill the agent immediately; `stop` still follows."""
