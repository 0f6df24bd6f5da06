from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from acp import Agent
from acp.schema import (
    AgentMessageChunk,
    AudioBlock,
    AvailableCommandsUpdate,
    ConfigOption,
    ConfigOptionUpdate,
    CreateTerminal,
    CurrentModeUpdate,
    Diff,
    EmbeddedResource,
    ImageBlock,
    InitializeResponse,
    ModeState,
    NewSessionResponse,
    Plan,
    RequestPermission,
    ResourceLink,
    SessionInfoUpdate,
    SubagentUpdate,
    TextBlock,
    ToolCall,
    ToolCallUpdate,
    UnknownUpdate,
    UsageUpdate,
    UserMessageChunk,
    parse_update,
)
from acp.schema.base import MAX_ITEMS, said_shortly
from tests.acp.official import check
from tests.acp.recorded import TRANSCRIPTS, Line, needs_recordings, read_transcript
from tests.support.call_count import calls
from tests.support.memory_agent import MemoryAgent

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
KNOWN: dict[str, tuple[type, dict[str, Any]]] = {
    "user_message_chunk": (UserMessageChunk, {"content": {"type": "text", "text": "hi"}}),
    "agent_message_chunk": (AgentMessageChunk, {"content": {"type": "image", "data": "", "mimeType": "image/png"}}),
    "tool_call": (ToolCall, {"toolCallId": "c", "title": "Run", "kind": "execute", "rawInput": {"a": [1]}}),
    "tool_call_update": (ToolCallUpdate, {"toolCallId": "c", "status": "completed"}),
    "plan": (Plan, {"entries": [{"content": "look", "priority": "high", "status": "pending"}]}),
    "available_commands_update": (AvailableCommandsUpdate, {"availableCommands": [{"name": "n", "description": "d"}]}),
    "current_mode_update": (CurrentModeUpdate, {"currentModeId": "ask"}),
    "config_option_update": (ConfigOptionUpdate, {"configOptions": [{"id": "mode", "currentValue": "ask"}]}),
    "session_info_update": (SessionInfoUpdate, {"title": "A title"}),
    "usage_update": (UsageUpdate, {"used": 1, "size": 2, "cost": {"amount": 0.1, "currency": "USD"}}),
    "subagent_update": (SubagentUpdate, {"sessionId": "s", "title": "t", "state": {"state": "running"}}),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_a_known_update_is_read_and_its_unknown_fields_survive(kind: str) -> None:
    """Each kind has its type; `_meta` and newer fields stay accessible."""
    expected, fields = KNOWN[kind]
    update = parse_update({"sessionUpdate": kind, **fields, "_meta": {"a": 1}, "brandNew": 2})
    assert type(update) is expected
    assert (update.model_extra or {}) | {"_meta": {"a": 1}, "brandNew": 2} == update.model_extra


@pytest.mark.parametrize("kind", sorted(KNOWN.keys() - {"session_info_update"}))
def test_a_known_update_without_what_it_needs_becomes_an_unknown_one(kind: str) -> None:
    """It is kept whole. A session's info has no required field."""
    raw = {"sessionUpdate": kind, "surprise": [1]}
    update = parse_update(raw)
    assert update == UnknownUpdate.model_validate({"sessionUpdate": kind, "malformed": raw})


def test_an_update_of_an_unknown_kind_is_kept_with_all_its_fields() -> None:
    """The protocol may grow."""
    update = parse_update({"sessionUpdate": "omen", "severity": "info", "title": "Hello"})
    assert isinstance(update, UnknownUpdate)
    assert (update.session_update, update.model_extra) == ("omen", {"severity": "info", "title": "Hello"})


@given(st.dictionaries(st.text(), VALUES, max_size=4), st.sampled_from(list(KNOWN)) | VALUES)
def test_no_update_raises(fields: dict[str, Any], kind: Any) -> None:
    """For any fields."""
    parse_update({**fields, "sessionUpdate": kind})


@given(st.sampled_from(list(KNOWN)), st.data())
def test_no_field_of_a_known_update_raises_when_it_is_something_else(kind: str, data: st.DataObject) -> None:
    """The same for updates with one wrong field."""
    _, fields = KNOWN[kind]
    wrong = data.draw(st.sampled_from(list(fields)))
    parse_update({"sessionUpdate": kind, **fields, wrong: data.draw(VALUES)})


def test_half_a_surrogate_pair_spoils_no_update() -> None:
    """Programs that count in UTF-16 units cut titles so."""
    update = parse_update({"sessionUpdate": "tool_call", "toolCallId": "c", "title": "echo \ud83d"})
    assert isinstance(update, ToolCall)
    assert update.title == "echo \ud83d"
    assert isinstance(parse_update({"sessionUpdate": "\ud83d"}), UnknownUpdate)


# ---- fields and items that nobody needs


def test_a_malformed_optional_field_counts_as_absent() -> None:
    """The schema asks for it (x-deserialize-default-on-error): a wrong `kind` does not hide a tool call."""
    call = parse_update({"sessionUpdate": "tool_call", "toolCallId": "c", "title": "t", "kind": 5, "locations": "x"})
    assert isinstance(call, ToolCall)
    assert (call.title, call.kind, call.locations) == ("t", None, [])


def test_of_a_list_that_nobody_can_look_through_the_beginning_is_read() -> None:
    """Valid and invalid items alike, since each costs time."""
    entries = [{"content": str(number)} for number in range(2 * MAX_ITEMS)]
    plan = parse_update({"sessionUpdate": "plan", "entries": entries})
    assert isinstance(plan, Plan)
    assert [entry.content for entry in plan.entries] == [str(number) for number in range(MAX_ITEMS)]
    wrong, more_wrong = ({"sessionUpdate": "plan", "entries": [0, *entries[1:], *[0] * size]} for size in (0, 50_000))
    assert calls(lambda: parse_update(more_wrong)) < calls(lambda: parse_update(wrong)) + 100
    assert len(parse_update(wrong).entries) == MAX_ITEMS - 1  # type: ignore[union-attr]


def test_what_is_wrong_is_said_shortly_and_found_at_the_first_fault() -> None:
    """The full text would quote the input for each fault."""
    params = {"sessionId": "s", "command": "c", "args": [{"x" * 1000: "y" * 1000}] * 10_000}
    with pytest.raises(ValidationError) as caught:
        CreateTerminal.model_validate(params)
    assert caught.value.error_count() == 1
    assert said_shortly(caught.value) == "args.0: Input should be a valid string"


def test_a_malformed_item_is_skipped_and_the_others_stay() -> None:
    """The schema asks for it (x-deserialize-skip-invalid-items)."""
    call = ToolCallUpdate.model_validate(
        {"toolCallId": "c", "content": [7, {"type": "diff", "path": "/a", "newText": "b"}], "locations": [{"path": 1}]}
    )
    assert call.content == [Diff(path="/a", new_text="b")]
    assert call.locations == []


def test_a_malformed_tool_call_detail_does_not_hide_a_question() -> None:
    """A hidden question would hang the turn or be refused."""
    params = {
        "sessionId": "s",
        "toolCall": {"toolCallId": "c", "status": {"no": 1}, "locations": [None]},
        "options": [{"optionId": "a", "name": "A", "kind": "allow_once"}],
    }
    assert RequestPermission.model_validate(params).tool_call == ToolCallUpdate(
        tool_call_id="c", status=None, locations=[]
    )


def test_a_session_opens_though_its_settings_are_malformed() -> None:
    """Unreadable modes and options are left out."""
    response = NewSessionResponse.model_validate(
        {"sessionId": "s", "modes": {"currentModeId": 5}, "configOptions": [{"id": 1}, {"id": "mode", "options": None}]}
    )
    assert response.modes is None
    assert [option.id for option in response.config_options or ()] == ["mode"]


@pytest.mark.parametrize(
    "capabilities", [None, [], "all", {"loadSession": "perhaps", "promptCapabilities": 3}], ids=repr
)
def test_malformed_capabilities_are_none(capabilities: Any) -> None:
    """The agent starts, with the least capabilities."""
    response = InitializeResponse.model_validate({"protocolVersion": 1, "agentCapabilities": capabilities})
    assert not response.agent_capabilities.load_session
    assert not response.agent_capabilities.prompt_capabilities.image


def test_a_select_lists_its_values_with_groups_flattened() -> None:
    """In the agent's order, without invalid values; a null group is no group."""
    option = ConfigOption.model_validate(
        {
            "id": "model",
            "options": [
                {"name": "Group", "options": [{"value": "a"}, {"value": 5}, "junk", {"name": "nameless"}]},
                {"value": "b", "options": None},
                {"options": 7},
            ],
        }
    )
    assert option.values() == ["a", "b"]


def test_a_block_of_an_unknown_kind_or_shape_is_kept() -> None:
    """Content that we cannot show is still content."""
    for content in ({"type": "hologram", "beam": 1}, {"type": "text"}, {"type": "image"}):
        update = parse_update({"sessionUpdate": "agent_message_chunk", "content": content})
        assert isinstance(update, AgentMessageChunk)
        assert update.content.model_dump(by_alias=True) == content


# ---- against the protocol's own schema and real agents' traffic


def _recorded_updates() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in TRANSCRIPTS:
        for line in read_transcript(path):
            if line.direction == "in" and line.message.get("method") == "session/update":
                yield path.stem, line.message["params"]["update"]


@needs_recordings
def test_every_recorded_update_of_a_known_kind_is_read() -> None:
    """The types cover all updates of real agents."""
    updates = list(_recorded_updates())
    assert updates
    for source, raw in updates:
        assert isinstance(parse_update(raw), UnknownUpdate) == (
            raw["sessionUpdate"] not in KNOWN | {"agent_thought_chunk": 0}
        ), (source, raw)


@needs_recordings
def test_every_recorded_question_and_answer_is_read() -> None:
    """The same for permission requests, initialize and session/new."""
    found: set[str] = set()
    for path in TRANSCRIPTS:
        asked: dict[Any, str] = {}
        for direction, message in ((line.direction, line.message) for line in read_transcript(path)):
            match direction, message:
                case "out", {"id": request_id, "method": str(method)}:
                    asked[request_id] = method
                case "in", {"method": "session/request_permission", "params": params}:
                    assert RequestPermission.model_validate(params).options
                    found.add("session/request_permission")
                case "in", {"id": request_id, "result": result} if asked.get(request_id) in {
                    "initialize",
                    "session/new",
                }:
                    model = InitializeResponse if asked[request_id] == "initialize" else NewSessionResponse
                    assert model.model_validate(result)
                    found.add(asked[request_id])
    assert found == {"initialize", "session/new", "session/request_permission"}


EVERYTHING = {
    "loadSession": True,
    "promptCapabilities": {"image": True, "audio": True, "embeddedContext": True},
}
BLOCKS = [
    TextBlock(text="hello"),
    ImageBlock(data="QQ==", mime_type="image/png"),
    AudioBlock(data="QQ==", mime_type="audio/wav"),
    ResourceLink(name="a.txt", uri="file:///a.txt", mime_type="text/plain", size=3),
    EmbeddedResource(resource={"uri": "file:///a.txt", "text": "abc"}),
]


@needs_recordings
async def test_all_that_we_send_is_valid_by_the_protocols_schema() -> None:
    """Every request, notification and answer of a whole session, against the official schema of version 1."""
    modes = {"currentModeId": "auto", "availableModes": [{"id": "auto", "name": "Auto"}, {"id": "ask", "name": "Ask"}]}
    option = {"id": "mode", "name": "Mode", "type": "select", "currentValue": "auto", "options": [{"value": "ask"}]}
    for settings in ({"modes": modes}, {"config_options": [option]}):
        peer = MemoryAgent(capabilities=EVERYTHING, **settings)
        agent = await Agent.start(peer)
        session = await agent.new_session(Path("/srv/project"))
        await agent.load_session("session-7", Path("/srv/project"))
        assert await session.ask_first("")
        async with session.prompt(BLOCKS) as turn:
            prompt = await peer.expect("session/prompt")
            chosen, cancelled = peer.ask(session.session_id), peer.ask(session.session_id)
            await anext(turn)
            await anext(turn)
            turn.answer(chosen, "yes")
            turn.cancel()
            await peer.answer_to(cancelled)
            peer.end_turn(prompt, "cancelled")
        await agent.stop()
        assert len(set(peer.methods())) == 6
        for message in peer.received:
            check(message)


def test_a_line_of_a_recording_knows_its_direction() -> None:
    """The format of recordings, for new ones."""
    assert Line.read('{"dir":"in","t":0.5,"msg":{"id":1}}') == Line("in", {"id": 1})
    assert Line.read('{"dir":"eof","t":0.5,"msg":null}') is None


def test_a_mode_state_skips_modes_that_it_cannot_read() -> None:
    """The current mode stays known."""
    state = ModeState.model_validate({"currentModeId": "a", "availableModes": [{"id": "a"}, {"name": "nameless"}]})
    assert [mode.id for mode in state.available_modes] == ["a"]
