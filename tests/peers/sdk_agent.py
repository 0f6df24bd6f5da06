"""An agent built on the official Python SDK: a peer for the tests that this project did not write the protocol of.

Run by the SDK's own environment (`.venv-sdk`), where `acp` is the SDK. What it does depends on the prompt's first text:

* `permission`: asks whether a command may run, with three options, and says which was chosen;
* `note`: has its client read `note.txt` in the session's directory, and write it back in capitals as `NOTE.txt`;
* `shell`: has its client run a command, and says what came of it;
* `given`: says which MCP servers and further directories the session was given;
* `wait`: says one word, then nothing until it is cancelled;
* `threadline-doctor.txt`: writes that file as its argument says: `asks` before, `acts` at once, or `has-it-done` by its
  client; without one it does not try;
* anything else: says it back, a word at a time.
"""

import asyncio
import sys
from itertools import count
from pathlib import Path
from typing import Any

from acp import PROTOCOL_VERSION, Client, RequestError, run_agent, text_block, tool_content, update_agent_message_text
from acp.schema import (
    AgentCapabilities,
    Implementation,
    InitializeResponse,
    NewSessionResponse,
    PermissionOption,
    PromptResponse,
    SessionAdditionalDirectoriesCapabilities,
    SessionCapabilities,
    TextContentBlock,
    ToolCallStart,
    ToolCallUpdate,
)

NAME = "threadline-doctor.txt"

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
        self._given: dict[str, dict[str, Any]] = {}

    def on_connect(self, conn: Client) -> None:
        """Keep the connection to the client."""
        self._client = conn

    async def initialize(self, **_: Any) -> InitializeResponse:
        """Announce only the real capabilities."""
        return InitializeResponse(
            protocol_version=PROTOCOL_VERSION,
            agent_capabilities=AgentCapabilities(
                load_session=False,
                session_capabilities=SessionCapabilities(
                    additional_directories=SessionAdditionalDirectoriesCapabilities()
                ),
            ),
            agent_info=Implementation(name="sdk-peer", version="1.0.0"),
        )

    async def new_session(self, **given: Any) -> NewSessionResponse:
        """Number the sessions."""
        session_id = f"session-{next(self._numbers)}"
        self._given[session_id] = given
        self._cancelled[session_id] = asyncio.Event()
        return NewSessionResponse(session_id=session_id)

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> PromptResponse:
        """Choose by the prompt's text; see the module's docstring."""
        if session_id not in self._cancelled:
            raise RequestError.invalid_params({"sessionId": session_id})
        self._cancelled[session_id].clear()
        # What the person wrote comes first; what stands behind it is the client's own.
        text = next((block.text for block in prompt if isinstance(block, TextContentBlock)), "")
        acts = {
            "permission": self._ask,
            "note": self._copy,
            "shell": self._run,
            "given": self._tell,
            "wait": self._wait,
        }
        for word, act in acts.items():
            if word in text:
                return await act(session_id)
        if NAME in text and sys.argv[1:]:
            return await self._write(session_id, sys.argv[1])
        for word in text.split():
            await self._say(session_id, f"{word} ")
        return PromptResponse(stop_reason="end_turn")

    async def cancel(self, session_id: str, **_: Any) -> None:
        """End the session's turn, if one waits."""
        if session_id in self._cancelled:
            self._cancelled[session_id].set()

    async def _ask(self, session_id: str) -> PromptResponse:
        await self._say(session_id, "One moment. ")
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

    async def _write(self, session_id: str, how: str) -> PromptResponse:
        path = Path(self._given[session_id]["cwd"], NAME)
        if how == "has-it-done":
            try:
                await self._client.write_text_file(session_id=session_id, path=str(path), content="ok")
            except RequestError as error:
                return await self._say_last(session_id, f"Refused with {error.code}.")
        if how == "asks":
            call = ToolCallStart(
                session_update="tool_call", tool_call_id="call-2", title="Write a file", kind="edit", status="pending"
            )
            await self._client.session_update(session_id=session_id, update=call)
            answer = await self._client.request_permission(
                session_id=session_id,
                tool_call=ToolCallUpdate(tool_call_id="call-2", title="Write a file", kind="edit", status="pending"),
                options=OPTIONS,
            )
            if answer.outcome.outcome == "cancelled" or answer.outcome.option_id == "no":
                return await self._say_last(session_id, "So be it.")
        if how in {"asks", "acts"}:
            await asyncio.to_thread(path.write_text, "ok")
        return await self._say_last(session_id, "Done.")

    async def _copy(self, session_id: str) -> PromptResponse:
        folder = Path(self._given[session_id]["cwd"])
        try:
            note = await self._client.read_text_file(session_id=session_id, path=str(folder / "note.txt"))
            await self._client.write_text_file(
                session_id=session_id, path=str(folder / "NOTE.txt"), content=note.content.upper()
            )
        except RequestError as error:
            return await self._say_last(session_id, f"Refused with {error.code}.")
        return await self._say_last(session_id, "Copied.")

    async def _run(self, session_id: str) -> PromptResponse:
        try:
            shell = await self._client.create_terminal(
                session_id=session_id, command="sh", args=["-c", "echo from; echo there >&2; exit 3"]
            )
        except RequestError as error:
            return await self._say_last(session_id, f"Refused with {error.code}.")
        of = {"session_id": session_id, "terminal_id": shell.terminal_id}
        status = await self._client.wait_for_terminal_exit(**of)
        output = await self._client.terminal_output(**of)
        await self._client.release_terminal(**of)
        return await self._say_last(session_id, f"Exit {status.exit_code}: {' '.join(output.output.split())}.")

    async def _tell(self, session_id: str) -> PromptResponse:
        given = self._given[session_id]
        servers = [server.name for server in given["mcp_servers"]]
        return await self._say_last(session_id, f"Servers {servers}, besides {given['additional_directories']}.")

    async def _say_last(self, session_id: str, text: str) -> PromptResponse:
        await self._say(session_id, text)
        return PromptResponse(stop_reason="end_turn")

    async def _wait(self, session_id: str) -> PromptResponse:
        await self._say(session_id, "Waiting.")
        await self._cancelled[session_id].wait()
        return PromptResponse(stop_reason="cancelled")

    async def _say(self, session_id: str, text: str) -> None:
        await self._client.session_update(session_id=session_id, update=update_agent_message_text(text))


if __name__ == "__main__":
    asyncio.run(run_agent(Peer()))
