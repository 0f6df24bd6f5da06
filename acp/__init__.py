"""A client for the Agent Client Protocol, version 1: starts agents and talks to them. Knows nothing of Discord."""

from .agent import Agent
from .client import Client
from .errors import (
    AcpError,
    AgentClosed,
    AuthRequired,
    ProtocolError,
    RemoteError,
    RequestTimeout,
    SpawnFailed,
    Unsupported,
)
from .events import (
    Accept,
    Aside,
    Decline,
    Elicitation,
    ElicitationCompleted,
    Event,
    Question,
    Skipped,
    Text,
    Thought,
    Unreadable,
    Withdrawn,
)
from .filesystem import FileSystem
from .open_questions import OpenQuestions
from .process import Launch, environment
from .session import Session
from .settings import Choice, Option
from .survivors import end_survivors
from .terminals import Terminals
from .turn import Turn

__all__ = [
    "Accept",
    "AcpError",
    "Agent",
    "AgentClosed",
    "Aside",
    "AuthRequired",
    "Choice",
    "Client",
    "Decline",
    "Elicitation",
    "ElicitationCompleted",
    "Event",
    "FileSystem",
    "Launch",
    "OpenQuestions",
    "Option",
    "ProtocolError",
    "Question",
    "RemoteError",
    "RequestTimeout",
    "Session",
    "Skipped",
    "SpawnFailed",
    "Terminals",
    "Text",
    "Thought",
    "Turn",
    "Unreadable",
    "Unsupported",
    "Withdrawn",
    "end_survivors",
    "environment",
]

THREADLINE = True
"""Tells this package from the one of the same import name in the official SDK (PyPI `agent-client-protocol`)."""
