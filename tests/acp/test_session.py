import asyncio
from typing import Any

import pytest

from acp import AgentClosed, Event, MessageBegun, RequestTimeout, Text, Turn, Unsupported
from acp.schema import AvailableCommand, AvailableCommandsUpdate, CurrentModeUpdate, SessionInfoUpdate, UsageUpdate
from acp.session import MOST_OPTIONS, UNCLAIMED_BYTES, UNCLAIMED_MAX, Session
from tests.acp.official import by_the_schema
from tests.acp.opened import CWD, HELLO, opened
from tests.support.call_count import calls
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import quiet

pytestmark = by_the_schema

MODES: Json = {
    "currentModeId": "auto",
    "availableModes": [{"id": "auto", "name": "Auto"}, {"id": "ask", "name": "Ask"}],
}
OPTION: Json = {
    "id": "mode",
    "name": "Mode",
    "category": "mode",
    "type": "select",
    "currentValue": "auto",
    "options": [{"value": "auto", "name": "Auto"}, {"value": "ask", "name": "Ask"}],
}
SPEED: Json = {
    "id": "speed",
    "type": "select",
    "currentValue": "fast",
    "options": [{"value": "fast", "name": "Fast"}],
}
COMMANDS: Json = {
    "sessionUpdate": "available_commands_update",
    "availableCommands": [{"name": "review", "description": "Review the changes"}],
}


# ---- prompts never overlap


async def test_a_prompt_waits_for_the_response_of_the_one_before() -> None:
    """One prompt runs at a time; the others wait in order."""
    async with opened() as (peer, _, session), asyncio.TaskGroup() as tasks:
        runs = [tasks.create_task(_run(session)) for _ in range(3)]
        for number, run in enumerate(runs, start=1):
            prompt = await peer.expect("session/prompt")
            await quiet()
            assert peer.methods().count("session/prompt") == number
            assert not run.done()
            peer.text(session.session_id, f"answer {number}")
            peer.end_turn(prompt)
            assert await run == [Text(f"answer {number}")]


@pytest.mark.parametrize("raises", [False, True])
async def test_leaving_a_turn_early_cancels_it_and_waits_for_its_end(*, raises: bool) -> None:
    """The next prompt never overlaps it, for each way of leaving."""
    async with opened() as (peer, agent, session), asyncio.TaskGroup() as tasks:
        first = tasks.create_task(_leave(session, raises=raises))
        prompt = await peer.expect("session/prompt")
        await peer.expect("session/cancel")
        second = tasks.create_task(_run(session))
        await quiet()
        assert agent.connection.lock.locked()
        assert peer.methods().count("session/prompt") == 1
        peer.text(session.session_id, "too late")
        peer.end_turn(prompt, "cancelled")
        assert await first == raises
        peer.text(session.session_id, "mine")
        peer.end_turn(await peer.expect("session/prompt"))
        assert await second == [Text("mine")]


async def test_a_task_that_is_cancelled_in_its_turn_cancels_the_turn_too() -> None:
    """CancelledError is not an Exception; the lock is free only after the response."""
    async with opened() as (peer, agent, session):
        task = asyncio.create_task(_run(session))
        prompt = await peer.expect("session/prompt")
        task.cancel()
        await peer.expect("session/cancel")
        await quiet()
        assert agent.connection.lock.locked()
        peer.end_turn(prompt, "cancelled")
        await asyncio.wait([task])
        assert task.cancelled()
        assert not agent.connection.lock.locked()


async def test_a_prompt_that_could_not_be_sent_leaves_the_lock_free() -> None:
    """Another agent may get it, and updates for the next turn still wait."""
    async with opened() as (peer, agent, session):
        peer.die(1)
        with pytest.raises(AgentClosed):
            async with session.prompt(HELLO):
                pytest.fail("it was sent")
        assert not agent.connection.lock.locked()


async def test_cancel_settings_and_questions_need_no_lock() -> None:
    """They pass while a prompt is in flight."""
    async with opened(MemoryAgent(modes=MODES)) as (peer, agent, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        assert agent.connection.lock.locked()
        assert await session.set_mode("ask")
        turn.cancel()
        await peer.expect("session/cancel")
        peer.end_turn(prompt, "cancelled")


async def test_two_sessions_of_one_agent_do_not_mix() -> None:
    """Updates and questions go by session id; without a turn a question is cancelled immediately."""
    async with opened() as (peer, agent, session):
        other = await agent.new_session(CWD)
        heard: list[Event] = []
        other.on_late = heard.append
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            peer.text(other.session_id, "theirs")
            peer.text(session.session_id, "mine")
            asked = peer.ask(other.session_id)
            assert (await peer.answer_to(asked))["result"] == {"outcome": {"outcome": "cancelled"}}
            peer.end_turn(prompt)
            assert await _all(turn) == [Text("mine")]
        assert heard == [Text("theirs")]


async def test_a_question_outside_a_turn_is_cancelled_at_once() -> None:
    """No person can answer it, and the agent must not wait for ever."""
    async with opened() as (peer, _, session):
        asked = peer.ask(session.session_id)
        assert (await peer.answer_to(asked))["result"] == {"outcome": {"outcome": "cancelled"}}
        peer.notify("$/cancel_request", {"requestId": asked})
        await quiet()
        async with session.prompt(HELLO) as turn:
            peer.end_turn(await peer.expect("session/prompt"))
            assert await _all(turn) == []


# ---- updates outside a turn


async def test_another_message_id_begins_another_message() -> None:
    """Chunks without an id continue with the message before."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        for message_id, text in (("m1", "a"), ("m1", "b"), (None, "c"), ("m2", "d"), ("m2", "e")):
            content = {"type": "text", "text": text}
            named = {} if message_id is None else {"messageId": message_id}
            peer.update(session.session_id, {"sessionUpdate": "agent_message_chunk", **named, "content": content})
        peer.end_turn(prompt)
        events = await _all(turn)
        texts = "".join(event.text if isinstance(event, Text) else "|" for event in events)
        assert texts == "abc|de"
        assert MessageBegun() in events


async def test_updates_before_the_first_prompt_go_to_the_first_turn() -> None:
    """They come first in it, in order."""
    async with opened() as (peer, _, session):
        peer.text(session.session_id, "welcome ")
        peer.update(session.session_id, {"sessionUpdate": "session_info_update", "title": "T"})
        await quiet()
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            peer.text(session.session_id, "answer")
            peer.end_turn(prompt)
            assert await _all(turn) == [
                Text("welcome "),
                SessionInfoUpdate.model_validate({"sessionUpdate": "session_info_update", "title": "T"}),
                Text("answer"),
            ]


async def test_updates_after_the_response_go_to_whoever_takes_late_ones() -> None:
    """They are neither lost nor part of the next turn."""
    async with opened() as (peer, _, session):
        heard: list[Event] = []
        session.on_late = heard.append
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            peer.text(session.session_id, "in time")
            peer.end_turn(prompt)
            assert await _all(turn) == [Text("in time")]
            peer.text(session.session_id, "late")
            await quiet()
            assert heard == [Text("late")]
        async with session.prompt(HELLO) as turn:
            peer.end_turn(await peer.expect("session/prompt"))
            assert await _all(turn) == []


async def test_updates_behind_the_response_stay_behind_what_was_not_yet_read() -> None:
    """A slow consumer gets the late ones last; their text is another message, which is not glued to the one before."""
    async with opened() as (peer, _, session):
        heard: list[Event] = []
        session.on_late = heard.append
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            peer.text(session.session_id, "in time")
            peer.end_turn(prompt)
            peer.text(session.session_id, "late")
            await quiet()
            peer.text(session.session_id, " and more")
            await quiet()
            assert turn.ended
            assert not turn.exhausted
            assert await _all(turn) == [Text("in time"), MessageBegun(), Text("late"), Text(" and more")]
            assert turn.exhausted
            peer.text(session.session_id, "later")
            await quiet()
        assert heard == [Text("later")]
        assert repr(session) == "<Session session-1 mode=None no turn>"


async def test_late_updates_that_nobody_takes_wait_for_the_next_turn() -> None:
    """They are not lost."""
    async with opened() as (peer, _, session):
        async with session.prompt(HELLO) as turn:
            peer.end_turn(await peer.expect("session/prompt"))
            peer.text(session.session_id, "late")
            await quiet()
            assert await _all(turn) == []
        async with session.prompt(HELLO) as turn:
            peer.end_turn(await peer.expect("session/prompt"))
            assert await _all(turn) == [Text("late")]


@pytest.mark.parametrize(("size", "kept"), [(1, UNCLAIMED_MAX), (UNCLAIMED_BYTES // 2, 2)])
async def test_updates_that_wait_for_a_turn_are_bounded(size: int, kept: int) -> None:
    """In events and in bytes; the oldest stay."""
    async with opened() as (peer, _, session):
        for _ in range(kept + 5):
            peer.text(session.session_id, "x" * size)
        await quiet()
        for _ in range(2):
            async with session.prompt(HELLO) as turn:
                peer.end_turn(await peer.expect("session/prompt"))
                events = await _all(turn)
                assert "".join(event.text for event in events if isinstance(event, Text)) == "x" * size * kept
            for _ in range(kept + 5):
                peer.text(session.session_id, "x" * size)
            await quiet()


@pytest.mark.parametrize(
    "update",
    [
        {"sessionUpdate": "user_message_chunk", "content": {"type": "text", "text": "hello"}},
        {"sessionUpdate": "session_message", "title": "not known yet"},
        {"sessionUpdate": "tool_call", "title": "without its id"},
        {"sessionUpdate": "tool_call", "toolCallId": "x" * 1001},
        {},
    ],
    ids=["echo", "unknown", "malformed", "too long an id", "empty"],
)
async def test_echoes_and_unknown_updates_are_not_events(update: Json) -> None:
    """Some agents echo the prompt during the turn, which is no part of the answer."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        peer.update(session.session_id, update)
        peer.end_turn(prompt)
        assert await _all(turn) == []


# ---- what a session knows


async def test_a_session_knows_what_the_agent_told_last() -> None:
    """Mode, commands, usage, title and options, in a turn or outside."""
    async with opened(MemoryAgent(modes=MODES)) as (peer, _, session):
        assert (session.mode, session.listed_modes) == ("auto", ("auto", "ask"))
        peer.update(session.session_id, COMMANDS)
        peer.update(session.session_id, {"sessionUpdate": "current_mode_update", "currentModeId": "ask"})
        peer.update(session.session_id, {"sessionUpdate": "session_info_update", "title": "Fix the tests"})
        peer.update(session.session_id, {"sessionUpdate": "session_info_update", "updatedAt": "2026-01-01T00:00:00"})
        peer.update(session.session_id, {"sessionUpdate": "usage_update", "used": 10, "size": 100})
        await quiet()
        assert session.commands == (AvailableCommand(name="review", description="Review the changes"),)
        assert (session.mode, session.title) == ("ask", "Fix the tests")
        assert session.usage is not None
        assert (session.usage.used, session.usage.size) == (10, 100)
        peer.update(session.session_id, {"sessionUpdate": "config_option_update", "configOptions": [OPTION]})
        await quiet()
        assert (session.mode, session.config_options[0].id) == ("auto", "mode")
        assert repr(session) == "<Session session-1 mode=auto no turn>"


async def test_a_mode_that_the_agent_changes_is_the_one_its_option_shows() -> None:
    """Qwen offers its mode in both ways and reports a change in one of them only."""
    async with opened(MemoryAgent(config_options=[OPTION, SPEED], modes=MODES)) as (peer, _, session):
        peer.update(session.session_id, {"sessionUpdate": "current_mode_update", "currentModeId": "ask"})
        await quiet()
        assert (session.mode, [option.current for option in session.options]) == ("ask", ["ask", "fast"])
        peer.update(session.session_id, {"sessionUpdate": "current_mode_update", "currentModeId": "a new one"})
        await quiet()
        assert (session.mode, [option.current for option in session.options]) == ("a new one", ["a new one", "fast"])


async def test_a_change_of_the_mode_costs_the_same_however_much_is_offered() -> None:
    """One read may bring hundreds of changes, and an agent may offer thousands of choices."""
    counts = []
    async with opened() as (_, __, session):
        for size in (10, 1_000):
            choices = [{"value": f"v{number}", "name": "V"} for number in range(size)]
            option = {"id": "mode", "name": "Mode", "type": "select", "currentValue": "v0", "options": choices}
            session.update({"sessionUpdate": "config_option_update", "configOptions": [option]}, 0)
            change = {"sessionUpdate": "current_mode_update", "currentModeId": "v1"}
            counts.append(calls(lambda change=change: session.update(change, 0)))  # type: ignore[misc]
            assert (session.mode, session.options[0].current, session.config_options[0].current_value) == ("v1",) * 3
    assert counts[0] == counts[1]


async def test_a_change_of_the_mode_costs_the_same_however_many_options_there_are() -> None:
    """An agent may offer thousands; the first ones count."""
    counts = []
    async with opened() as (_, __, session):
        for number in (MOST_OPTIONS, 10 * MOST_OPTIONS):
            options = [
                {"id": f"o{each}", "category": "mode", "currentValue": "v", "options": [{"value": "v"}]}
                for each in range(number)
            ]
            session.update({"sessionUpdate": "config_option_update", "configOptions": options}, 0)
            assert [option.option_id for option in session.options] == [f"o{each}" for each in range(MOST_OPTIONS)]
            change = {"sessionUpdate": "current_mode_update", "currentModeId": "v1"}
            counts.append(calls(lambda change=change: session.update(change, 0)))  # type: ignore[misc]
    assert counts[0] == counts[1]


async def test_settings_that_change_in_a_turn_are_events_of_it_too() -> None:
    """The reply may want to say so."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        peer.update(session.session_id, {"sessionUpdate": "current_mode_update", "currentModeId": "plan"})
        event = await anext(turn)
        assert isinstance(event, CurrentModeUpdate)
        assert session.mode == event.current_mode_id == "plan"
        assert repr(session) == "<Session session-1 mode=plan <Turn running, 0 waiting, 0 open>>"
        peer.end_turn(prompt)


async def test_replayed_history_is_not_shown_and_its_settings_are_taken() -> None:
    """Content that session/load replays is dropped; mode, commands, usage and title apply."""
    history: list[Json] = [
        {"sessionUpdate": "user_message_chunk", "content": {"type": "text", "text": "old question"}},
        {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "old answer"}},
        {"sessionUpdate": "tool_call", "toolCallId": "c", "title": "Old tool"},
        COMMANDS,
        {"sessionUpdate": "current_mode_update", "currentModeId": "ask"},
        {"sessionUpdate": "usage_update", "used": 10, "size": 100},
        {"sessionUpdate": "session_info_update", "title": "Old title"},
    ]
    peer = MemoryAgent(history={"old": history})
    async with opened(peer) as (_, agent, _):
        session = await agent.load_session("old", CWD)
        heard: list[Event] = []
        session.on_late = heard.append
        assert [command.name for command in session.commands] == ["review"]
        assert (session.mode, session.title, session.loading) == ("ask", "Old title", False)
        assert isinstance(session.usage, UsageUpdate)
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            assert prompt["params"]["sessionId"] == "old"
            peer.text("old", "new answer")
            peer.end_turn(prompt)
            assert await _all(turn) == [Text("new answer")]
        assert heard == []


async def test_what_follows_the_answer_to_a_load_is_not_history() -> None:
    """Most agents send their commands right after it."""
    peer = MemoryAgent(manual={"session/load"})
    async with opened(peer) as (_, agent, _), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(agent.load_session("old", CWD))
        load = await peer.expect("session/load")
        peer.text("old", "old answer")
        peer.reply(load, {})
        peer.update("old", COMMANDS)
        session = await task
        await quiet()
        async with session.prompt(HELLO) as turn:
            peer.end_turn(await peer.expect("session/prompt"))
            assert [type(event) for event in await _all(turn)] == [AvailableCommandsUpdate]


# ---- the mode in which an agent asks


async def test_the_asking_mode_is_set_by_config_option_where_there_is_one() -> None:
    """Config options replace modes (ACP), and the answer tells what holds now."""
    peer = MemoryAgent(config_options=[OPTION], modes=MODES)
    async with opened(peer) as (_, _, session):
        assert (session.mode, session.listed_modes) == ("auto", ("auto", "ask"))
        assert await session.ask_first("")
        assert session.mode == "ask"
    assert peer.methods()[-1] == "session/set_config_option"
    assert peer.received[-1]["params"] == {"sessionId": "session-1", "configId": "mode", "value": "ask"}


async def test_the_asking_mode_is_set_by_mode_where_there_is_no_option() -> None:
    """The older way, which most agents still have."""
    peer = MemoryAgent(modes=MODES)
    async with opened(peer) as (_, _, session):
        assert await session.ask_first("")
        assert session.mode == "ask"
    assert peer.received[-1]["params"] == {"sessionId": "session-1", "modeId": "ask"}


async def test_default_is_preferred_to_ask() -> None:
    """Agents that have both ask in their default mode."""
    modes = {"currentModeId": "yolo", "availableModes": [{"id": name} for name in ("yolo", "ask", "default")]}
    async with opened(MemoryAgent(modes=modes)) as (_, _, session):
        assert await session.ask_first("")
        assert session.mode == "default"


async def test_the_wanted_mode_is_set_where_one_is_named() -> None:
    """The configuration decides; a mode that the agent does not list is not tried."""
    peer = MemoryAgent(modes=MODES)
    async with opened(peer) as (_, _, session):
        assert await session.ask_first("auto")
        assert not await session.ask_first("default")
        assert session.mode == "auto"
    assert peer.methods().count("session/set_mode") == 1


async def test_an_agent_without_modes_has_no_asking_mode() -> None:
    """No request is sent, and the result is False."""
    async with opened() as (peer, _, session):
        assert not await session.ask_first("")
        assert not await session.ask_first("ask")
        assert peer.methods() == ["initialize", "session/new"]


async def test_an_option_of_another_kind_is_not_taken_for_the_mode() -> None:
    """Neither a boolean named mode nor a select of models."""
    options = [{"id": "mode", "type": "boolean", "currentValue": True}, {**OPTION, "id": "m", "category": "model"}]
    async with opened(MemoryAgent(config_options=options, modes=MODES)) as (_, _, session):
        assert (session.mode, session.listed_modes) == ("auto", ("auto", "ask"))


async def test_a_refused_mode_is_not_set() -> None:
    """The result is False, and the session keeps the true mode."""
    peer = MemoryAgent(modes=MODES, manual={"session/set_mode"})
    async with opened(peer) as (_, _, session), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.ask_first(""))
        peer.fail(await peer.expect("session/set_mode"), -32602, "unknown mode")
        assert not await task
        assert session.mode == "auto"


async def test_an_agent_that_says_it_is_in_another_mode_is_believed() -> None:
    """Some agents answer "ok" to an unknown mode and report the real one by an update."""
    peer = MemoryAgent(modes=MODES, manual={"session/set_mode"})
    async with opened(peer) as (_, _, session), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.ask_first(""))
        request = await peer.expect("session/set_mode")
        peer.update(session.session_id, {"sessionUpdate": "current_mode_update", "currentModeId": "auto"})
        peer.reply(request, {})
        assert not await task
        assert session.mode == "auto"


@pytest.mark.parametrize("confirmed", [False, True])
async def test_an_agent_that_takes_the_mode_is_believed(*, confirmed: bool) -> None:
    """With or without a confirming update; an earlier report does not count."""
    peer = MemoryAgent(modes=MODES, manual={"session/set_mode"})
    async with opened(peer) as (_, _, session), asyncio.TaskGroup() as tasks:
        peer.update(session.session_id, {"sessionUpdate": "current_mode_update", "currentModeId": "auto"})
        await quiet()
        task = tasks.create_task(session.ask_first(""))
        request = await peer.expect("session/set_mode")
        if confirmed:
            peer.update(session.session_id, {"sessionUpdate": "current_mode_update", "currentModeId": "ask"})
        peer.reply(request, None)
        assert await task


@pytest.mark.parametrize("value", ["auto", None])
async def test_an_option_that_keeps_another_value_is_not_set(value: str | None) -> None:
    """The complete list in the answer counts."""
    peer = MemoryAgent(config_options=[OPTION], manual={"session/set_config_option"})
    async with opened(peer) as (_, _, session), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.ask_first(""))
        request = await peer.expect("session/set_config_option")
        peer.reply(request, {"configOptions": [{**OPTION, "currentValue": value}]})
        assert not await task


@pytest.mark.parametrize("result", [None, {}, []], ids=repr)
async def test_an_option_whose_answer_says_nothing_is_not_taken_for_set(result: Any) -> None:
    """Without the list the value is unknown."""
    peer = MemoryAgent(config_options=[OPTION], manual={"session/set_config_option"})
    async with opened(peer) as (_, _, session), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.ask_first(""))
        peer.reply(await peer.expect("session/set_config_option"), result)
        assert not await task
        assert session.mode == "auto"


async def test_an_agent_that_does_not_answer_about_its_mode_is_not_waited_for() -> None:
    """The request's bound applies, and the mode counts as not set."""
    peer = MemoryAgent(modes=MODES, manual={"session/set_mode"})
    async with opened(peer) as (_, _, session):
        with pytest.raises(RequestTimeout, match="session/set_mode within 30 s"):
            await session.ask_first("")
        assert session.mode == "auto"


async def test_a_prompt_is_written_as_acp_has_it() -> None:
    """Camel case, without missing fields."""
    async with opened() as (peer, _, session):
        run = asyncio.create_task(_run(session))
        prompt = await peer.expect("session/prompt")
        assert prompt["params"]["prompt"] == [{"type": "text", "text": "hello"}]
        peer.end_turn(prompt)
        await run


async def _run(session: Session) -> list[Event]:
    async with session.prompt(HELLO) as turn:
        return await _all(turn)


async def _leave(session: Session, *, raises: bool) -> bool:
    try:
        async with session.prompt(HELLO):
            assert not raises
    except AssertionError:
        return True
    return False


async def _all(turn: Turn) -> list[Event]:
    return [event async for event in turn]


# ---- its name in the agent's list


async def test_a_session_is_named_where_the_agent_takes_names() -> None:
    """What the agent stores counts; without the capability nothing is sent."""
    offer: Json = {"sessionCapabilities": {"title": {}}}
    async with opened(MemoryAgent(capabilities=offer, manual={"session/set_title"})) as (peer, agent, session):
        for stored, title in (({"title": "Shorter"}, "Shorter"), ({}, "Shorter"), (None, "Shorter")):
            naming = asyncio.create_task(agent.set_title(session, "A name"))
            request = await peer.expect("session/set_title")
            assert request["params"] == {"sessionId": session.session_id, "title": "A name"}
            peer.reply(request, stored)
            await naming
            assert session.title == title
    async with opened() as (peer, agent, session):
        with pytest.raises(Unsupported):
            await agent.set_title(session, "A name")
        assert "session/set_title" not in peer.methods()
