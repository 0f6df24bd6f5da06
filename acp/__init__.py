"""A client for the Agent Client Protocol, version 1: it starts agents and talks to them. Independent of Discord."""

from acp.agent import Agent
from acp.client_side.features import Client
from acp.client_side.filesystem import FileSystem
from acp.client_side.terminals import Terminals
from acp.errors import (
    AcpError,
    AgentClosed,
    AuthRequired,
    CloseReason,
    Feature,
    FileProblem,
    FileRefused,
    PlaceUnreachable,
    ProtocolError,
    QueuedTooLong,
    RemoteError,
    RequestTimeout,
    SpawnFailed,
    StartProblem,
    Unsupported,
)
from acp.events import (
    Accept,
    Decline,
    Elicitation,
    ElicitationCompleted,
    Event,
    MessageBegun,
    OutOfTurnEvent,
    Question,
    Skipped,
    Subagent,
    SubagentState,
    SubagentToolCall,
    Text,
    Thought,
    Unreadable,
    Withdrawn,
)
from acp.login_state import LoginState
from acp.open_questions import OpenQuestions
from acp.places.place import Place
from acp.process.agent_process import Launch
from acp.process.environment import environment
from acp.process.orphans import end_survivors
from acp.session import Session
from acp.session_options import Choice, Option
from acp.steering import Steered
from acp.turn import Turn

__all__ = [
    "Accept",
    "AcpError",
    "Agent",
    "AgentClosed",
    "AuthRequired",
    "Choice",
    "Client",
    "CloseReason",
    "Decline",
    "Elicitation",
    "ElicitationCompleted",
    "Event",
    "Feature",
    "FileProblem",
    "FileRefused",
    "FileSystem",
    "Launch",
    "LoginState",
    "MessageBegun",
    "OpenQuestions",
    "Option",
    "OutOfTurnEvent",
    "Place",
    "PlaceUnreachable",
    "ProtocolError",
    "Question",
    "QueuedTooLong",
    "RemoteError",
    "RequestTimeout",
    "Session",
    "Skipped",
    "SpawnFailed",
    "StartProblem",
    "Steered",
    "Subagent",
    "SubagentState",
    "SubagentToolCall",
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
