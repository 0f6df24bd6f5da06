"""A client for the Agent Client Protocol, version 1: starts agents and talks to them. Knows nothing of Discord."""

from .agent import Agent
from .errors import AcpError, AgentClosed, ProtocolError, RemoteError, RequestTimeout, SpawnFailed
from .process import Launch, environment
from .session import Session
from .survivors import end_survivors
from .turn import Event, Question, Text, Thought, Turn, Withdrawn

__all__ = [
    "AcpError",
    "Agent",
    "AgentClosed",
    "Event",
    "Launch",
    "ProtocolError",
    "Question",
    "RemoteError",
    "RequestTimeout",
    "Session",
    "SpawnFailed",
    "Text",
    "Thought",
    "Turn",
    "Withdrawn",
    "end_survivors",
    "environment",
]

THREADLINE = True
"""Tells this package from the one of the same import name in the official SDK (PyPI `agent-client-protocol`)."""
