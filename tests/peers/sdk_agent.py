"""An agent built on the official Python SDK: a peer for the tests that this project did not write the protocol of.

Run by the SDK's own environment (`.venv-sdk`), where `acp` is the SDK. What it does depends on the prompt's text:

* `permission`: asks whether a command may run, with three options, and says which was chosen;
* `wait`: says one word, then nothing until it is cancelled;
* anything else: says it back, a word at a time.
"""

import asyncio
from itertools import count
from typing import Any

from acp import PROTOCOL_VERSION, Client, RequestError, run_agent, text_block, tool_content, update_agent_message_text
from acp.schema import (
    AgentCapabilities,
    Implementation,
    InitializeResponse,
    NewSessionResponse,
    PermissionOption,
    PromptResponse,
    TextContentBlock,
    ToolCallUpdate,
)

OPTIONS = [
    PermissionOption(option_id="once", name="Allow once", kind="allow_once"),
    PermissionOption(option_id="always", name="Always allow", kind="allow_always"),
    PermissionOption(option_id="no", name="Reject", kind="reject_once"),
]


class Peer:
    """The agent; a session here is only the event that cancels its running turn. It cannot load sessions."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._cancelled: dict[str, asyncio.Event] = {}

    def on_connect(self, conn: Client) -> None:
        """Keep the way back to the client."""
        self._client = conn

    async def initialize(self, **_: Any) -> InitializeResponse:
        """Claim no more than this agent does."""
        return InitializeResponse(
            protocol_version=PROTOCOL_VERSION,
            agent_capabilities=AgentCapabilities(load_session=False),
            agent_info=Implementation(name="sdk-peer", version="1.0.0"),
        )

    async def new_session(self, **_: Any) -> NewSessionResponse:
        """Number the sessions."""
        session_id = f"session-{next(self._numbers)}"
        self._cancelled[session_id] = asyncio.Event()
        return NewSessionResponse(session_id=session_id)

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> PromptResponse:
        """Choose by the prompt's text; see the module's docstring."""
        if session_id not in self._cancelled:
            raise RequestError.invalid_params({"sessionId": session_id})
        self._cancelled[session_id].clear()
        text = " ".join(block.text for block in prompt if isinstance(block, TextContentBlock))
        if "permission" in text:
            return await self._ask(session_id)
        if "wait" in text:
            return await self._wait(session_id)
        for word in text.split():
            await self._say(session_id, f"{word} ")
        return PromptResponse(stop_reason="end_turn")

    async def cancel(self, session_id: str, **_: Any) -> None:
        """End the session's turn, if one waits."""
        if session_id in self._cancelled:
            self._cancelled[session_id].set()

    async def _ask(self, session_id: str) -> PromptResponse:
        await self._say(session_id, "May I? ")
        answer = await self._client.request_permission(
            session_id=session_id,
            tool_call=ToolCallUpdate(
                tool_call_id="call-1",
                title="Remove the build folder",
                kind="execute",
                status="pending",
                content=[tool_content(text_block("rm -r build"))],
                raw_input={"command": "rm -r build"},
            ),
            options=OPTIONS,
        )
        if answer.outcome.outcome == "cancelled":
            return PromptResponse(stop_reason="cancelled")
        await self._say(session_id, f"You chose {answer.outcome.option_id}.")
        return PromptResponse(stop_reason="end_turn")

    async def _wait(self, session_id: str) -> PromptResponse:
        await self._say(session_id, "Waiting.")
        await self._cancelled[session_id].wait()
        return PromptResponse(stop_reason="cancelled")

    async def _say(self, session_id: str, text: str) -> None:
        await self._client.session_update(session_id=session_id, update=update_agent_message_text(text))


if __name__ == "__main__":
    asyncio.run(run_agent(Peer()))
