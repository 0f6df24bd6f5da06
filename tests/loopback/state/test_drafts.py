"""Bodies of bots: any body becomes a draft or one of Discord's refusals."""

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from loopback import DiscordError
from loopback.state import commands, components, drafts, modals
from loopback.state.errors import FormErrors
from loopback.state.world import World

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
WORDS = st.sampled_from(
    [
        "type",
        "content",
        "title",
        "description",
        "fields",
        "name",
        "value",
        "footer",
        "text",
        "author",
        "id",
        "components",
        "custom_id",
        "label",
        "style",
        "url",
        "options",
        "accessory",
        "component",
        "parse",
        "users",
        "roles",
        "message_id",
        "filename",
        "choices",
        "required",
        "min_length",
        "max_length",
    ]
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=12
)
BODIES = st.dictionaries(
    st.sampled_from(
        [
            "content",
            "embeds",
            "components",
            "flags",
            "nonce",
            "enforce_nonce",
            "allowed_mentions",
            "attachments",
            "message_reference",
            "tts",
        ]
    ),
    JSON,
)


@given(BODIES)
def test_any_body_is_a_draft_or_a_refusal(body: dict[str, Any]) -> None:
    """It raises only DiscordError, so a bot's mistake is never a server error."""
    with suppress(DiscordError):
        draft = drafts.read(body)
        assert len(draft.content) <= drafts.CONTENT_LENGTH


@given(JSON)
def test_any_form_is_accepted_or_refused(body: Any) -> None:
    """Checking it raises only DiscordError."""
    with suppress(DiscordError):
        modals.check(body, FormErrors())


@given(st.lists(JSON, max_size=3))
def test_any_commands_are_registered_or_refused(bodies: list[Any]) -> None:
    """Registering them raises only DiscordError."""
    world = World()
    bot = world.add_bot("threadline", token="T")
    with suppress(DiscordError):
        commands.register(world, bot, None, bodies)


def test_components_without_ids_are_numbered_around_those_with_ids() -> None:
    """A bot's own ids stay."""
    row = {"type": 1, "components": [{"type": 2, "id": 2}, {"type": 2}]}
    (numbered,) = components.numbered([row])
    assert (numbered["id"], [one["id"] for one in numbered["components"]]) == (1, [2, 3])
