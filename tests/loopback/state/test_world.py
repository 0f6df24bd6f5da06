"""The pure world: ids, permissions, mentions, nonces, threads, bounds."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback import DiscordError, Thread
from loopback.state import mentions, messages, threads, world_events
from loopback.state.drafts import AllowedMentions, Draft
from loopback.state.entities import Channel, Guild, MessageType
from loopback.state.permissions import Permission
from loopback.state.world import World


def small(**options: int) -> tuple[World, Guild, Channel]:
    """Return a world with a guild and a channel."""
    world = World(**options)  # type: ignore[arg-type]
    guild = world.add_guild("Lab")
    return world, guild, world.add_channel(guild, "general")


@given(st.lists(st.integers(min_value=-5, max_value=5), min_size=2))
def test_ids_grow_with_any_clock(steps: list[int]) -> None:
    """A stopped or reversed clock gives no smaller or duplicate id."""
    now = [1_800_000_000.0]
    world = World(clock=lambda: now[0])
    ids = []
    for step in steps:
        now[0] += step
        ids.append(world.snowflake())
    assert all(one < two for one, two in pairwise(ids))


def test_overwrites_apply_in_discords_order() -> None:
    """The order is @everyone, roles together with allow over deny, and the member."""
    world, guild, channel = small()
    role = world.add_role(guild, "dev")
    ann = world.add_person("ann", guilds=(guild,), roles=(role,))
    world.overwrite(channel, guild.id, deny=Permission.SEND_MESSAGES)
    assert not world.permissions(channel, ann.id) & Permission.SEND_MESSAGES
    world.overwrite(channel, role.id, allow=Permission.SEND_MESSAGES)
    assert world.permissions(channel, ann.id) & Permission.SEND_MESSAGES
    world.overwrite(channel, ann.id, deny=Permission.VIEW_CHANNEL)
    assert world.permissions(channel, ann.id) == 0
    assert world.permissions(channel, guild.owner_id) & Permission.ADMINISTRATOR


@pytest.mark.parametrize(
    ("content", "allowed", "pinged"),
    [
        ("<@7> <@!8> <@7>", AllowedMentions(), (7, 8)),
        ("`<@7>` ```\n<@8>\n``` <@9>", AllowedMentions(), (9,)),
        ("<@7> <@8>", AllowedMentions(parse=frozenset()), ()),
        ("<@7> <@8>", AllowedMentions(parse=frozenset(), users=frozenset({8})), (8,)),
    ],
)
def test_a_text_pings_the_allowed_mentions_outside_code(
    content: str, allowed: AllowedMentions, pinged: tuple[int, ...]
) -> None:
    """Mentions in code do not ping, and allowed_mentions narrows the others."""
    assert mentions.find(content, allowed).users == pinged


def test_pinging_everyone_needs_the_permission() -> None:
    """Without it the text stays plain."""
    world, guild, channel = small()
    ann = world.add_person("ann", guilds=(guild,))
    assert not messages.post(world, channel, ann.id, Draft(content="@everyone")).mention_everyone
    assert messages.post(world, channel, guild.owner_id, Draft(content="@everyone")).mention_everyone


def test_a_nonce_is_remembered_for_minutes_only() -> None:
    """After five minutes the same nonce posts again."""
    now = [1_800_000_000.0]
    world = World(clock=lambda: now[0])
    guild = world.add_guild("Lab")
    channel = world.add_channel(guild, "general")
    draft = Draft(content="once", nonce="n", enforce_nonce=True)
    first = messages.post(world, channel, guild.owner_id, draft)
    assert messages.post(world, channel, guild.owner_id, draft) is first
    now[0] += messages.NONCE_SECONDS + 1
    assert messages.post(world, channel, guild.owner_id, draft) is not first


def test_the_number_of_kept_messages_is_bounded() -> None:
    """The oldest of all channels are forgotten first."""
    world, guild, channel = small(messages_kept=10)
    other = world.add_channel(guild, "other")
    for number in range(30):
        messages.post(world, (channel, other)[number % 2], guild.owner_id, Draft(content=str(number)))
    kept = [*channel.messages.values(), *other.messages.values()]
    assert sorted(int(message.content) for message in kept) == list(range(20, 30))


def test_a_long_history_keeps_its_beginning_and_its_end() -> None:
    """The history of a streaming message is bounded."""
    world, guild, channel = small()
    message = messages.post(world, channel, guild.owner_id, Draft(content="start"))
    for number in range(messages.HISTORY_KEPT + 50):
        messages.edit(world, message, Draft(given=frozenset({"content"}), content=str(number)))
    contents = [content for _, content in message.history]
    assert (len(contents), contents[0], contents[-1]) == (messages.HISTORY_KEPT, "start", message.content)


def test_a_thread_of_a_message_has_its_id_and_emits_events() -> None:
    """They come in Discord's order. A second thread gets 160004."""
    world, guild, channel = small()
    message = messages.post(world, channel, guild.owner_id, Draft(content="hello"))
    heard: list[world_events.Event] = []
    world.listeners.append(heard.append)
    thread = threads.open_on(world, message, guild.owner_id, {"name": "talk"})
    assert thread.id == message.id
    assert [type(event) for event in heard] == [
        world_events.ThreadCreated,
        world_events.ThreadMembersChanged,
        world_events.MessageEdited,
        world_events.MessageCreated,
    ]
    assert [one.type for one in thread.messages.values()] == [MessageType.THREAD_STARTER]
    with pytest.raises(DiscordError, match="160004"):
        threads.open_on(world, message, guild.owner_id, {"name": "again"})


def test_an_archived_thread_accepts_a_message_and_refuses_edits() -> None:
    """A message unarchives it, and an edit gets 50083. A locked one refuses members."""
    world, guild, channel = small()
    ann = world.add_person("ann", guilds=(guild,))
    thread = threads.open_in(world, channel, ann.id, {"name": "talk", "type": 11})
    message = messages.post(world, thread, ann.id, Draft(content="one"))
    threads.change(world, thread, ann.id, {"archived": True})
    with pytest.raises(DiscordError, match="50083"):
        messages.edit_as(world, thread, ann.id, message.id, Draft(given=frozenset({"content"}), content="two"))
    messages.post(world, thread, ann.id, Draft(content="three"))
    assert not thread.archived
    threads.change(world, thread, guild.owner_id, {"locked": True, "archived": True})
    with pytest.raises(DiscordError, match="160005"):
        messages.post(world, thread, ann.id, Draft(content="four"))


def test_a_private_thread_is_seen_by_its_members_only() -> None:
    """Others get 50001 until they are added."""
    world, guild, channel = small()
    ann, bob = (world.add_person(name, guilds=(guild,)) for name in ("ann", "bob"))
    thread = threads.open_in(world, channel, ann.id, {"name": "talk", "type": 12})
    with pytest.raises(DiscordError, match="50001"):
        world.channel(thread.id, bob.id)
    threads.add(world, thread, ann.id, bob.id)
    assert world.channel(thread.id, bob.id) is thread


def test_deleting_a_channel_deletes_its_threads() -> None:
    """Both get 10003, and their messages are deleted."""
    world, guild, channel = small()
    thread = threads.open_in(world, channel, guild.owner_id, {"name": "talk", "type": 11})
    said = messages.post(world, thread, guild.owner_id, Draft(content="one"))
    world.delete_channel(channel)
    assert said.deleted
    for gone in (channel.id, thread.id):
        with pytest.raises(DiscordError, match="10003"):
            world.channel(gone, guild.owner_id)
    assert not any(isinstance(one, Thread) for one in world.channels.values())
