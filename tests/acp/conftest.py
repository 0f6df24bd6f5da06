"""What is the same in many tests of the client."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import ValidationError

from tests.acp.official import check
from tests.acp.recorded import SCHEMA
from tests.support.memory_agent import Json, MemoryAgent


@pytest.fixture
def _by_the_schema(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever the client writes to an agent in memory is valid by the official schema, where that is at hand."""
    wrong: list[str] = []
    asked: dict[tuple[MemoryAgent, Any], str] = {}
    say, hear = MemoryAgent.say, MemoryAgent._hear

    def say_and_remember(agent: MemoryAgent, message: Json) -> None:
        if "method" in message and "id" in message:
            asked[agent, message["id"]] = message["method"]
        say(agent, message)

    def hear_and_check(agent: MemoryAgent, message: Json) -> None:
        try:
            check(message, lambda request_id: asked.get((agent, request_id)))
        except ValidationError as error:
            wrong.append(f"{message}: {error.message}")
        hear(agent, message)

    if SCHEMA.exists():
        monkeypatch.setattr(MemoryAgent, "say", say_and_remember)
        monkeypatch.setattr(MemoryAgent, "_hear", hear_and_check)
    yield
    assert not wrong, "\n".join(wrong)
