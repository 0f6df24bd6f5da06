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
    """A world with a guild and a channel."""
    world = World(**options)  # type: ignore[arg-type]
    guild = world.add_guild("Lab")
    return world, guild, world.add_channel(guild, "general")


@given(st.lists(st.integers(min_value=-5, max_value=5), min_size=2))
def test_ids_grow_whatever_the_clock_does(steps: list[int]) -> None:
    """A clock that stands or goes back never gives an id twice or a smaller one."""
    now = [1_800_000_000.0]
    world = World(clock=lambda: now[0])
    ids = []
    for step in steps:
        now[0] += step
        ids.append(world.snowflake())
    assert all(one < two for one, two in pairwise(ids))


def test_overwrites_apply_in_discords_order() -> None:
    """@everyone's first, then roles together with allow over deny, then the member's own."""
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
def test_a_text_pings_whom_it_names_outside_code_and_may_ping(
    content: str, allowed: AllowedMentions, pinged: tuple[int, ...]
) -> None:
    """Code spans and blocks ping nobody; allowed_mentions narrows the rest."""
    assert mentions.find(content, allowed).users == pinged


def test_everyone_is_pinged_only_by_those_who_may() -> None:
    """@everyone needs the permission and allowed_mentions."""
    world, guild, channel = small()
    ann = world.add_person("ann", guilds=(guild,))
    assert not messages.post(world, channel, ann.id, Draft(content="@everyone")).mention_everyone
    assert messages.post(world, channel, guild.owner_id, Draft(content="@everyone")).mention_everyone


def test_a_nonce_is_remembered_for_minutes_only() -> None:
    """The same nonce five minutes later posts again."""
    now = [1_800_000_000.0]
    world = World(clock=lambda: now[0])
    guild = world.add_guild("Lab")
    channel = world.add_channel(guild, "general")
    draft = Draft(content="once", nonce="n", enforce_nonce=True)
    first = messages.post(world, channel, guild.owner_id, draft)
    assert messages.post(world, channel, guild.owner_id, draft) is first
    now[0] += messages.NONCE_SECONDS + 1
    assert messages.post(world, channel, guild.owner_id, draft) is not first


def test_what_is_kept_is_bounded_and_the_newest_stays() -> None:
    """Messages beyond the bound are forgotten, oldest first, over all channels."""
    world, guild, channel = small(messages_kept=10)
    other = world.add_channel(guild, "other")
    for number in range(30):
        messages.post(world, (channel, other)[number % 2], guild.owner_id, Draft(content=str(number)))
    kept = [*channel.messages.values(), *other.messages.values()]
    assert sorted(int(message.content) for message in kept) == list(range(20, 30))


def test_a_long_history_keeps_its_beginning_and_its_end() -> None:
    """The contents of a message that streamed for long are bounded too."""
    world, guild, channel = small()
    message = messages.post(world, channel, guild.owner_id, Draft(content="start"))
    for number in range(messages.HISTORY_KEPT + 50):
        messages.edit(world, message, Draft(given=frozenset({"content"}), content=str(number)))
    contents = [content for _, content in message.history]
    assert (len(contents), contents[0], contents[-1]) == (messages.HISTORY_KEPT, "start", message.content)


def test_a_thread_of_a_message_has_its_id_and_tells_everybody() -> None:
    """The events of opening a thread, in Discord's order, and 160004 for the second one."""
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


def test_an_archived_thread_wakes_by_a_message_and_refuses_edits() -> None:
    """Posting opens it again; editing in it is refused with 50083; a locked one refuses members."""
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
    """Others get 50001 until they are added, and one who is mentioned is added."""
    world, guild, channel = small()
    ann, bob = (world.add_person(name, guilds=(guild,)) for name in ("ann", "bob"))
    thread = threads.open_in(world, channel, ann.id, {"name": "talk", "type": 12})
    with pytest.raises(DiscordError, match="50001"):
        world.channel(thread.id, bob.id)
    threads.add(world, thread, ann.id, bob.id)
    assert world.channel(thread.id, bob.id) is thread


def test_deleting_a_channel_deletes_its_threads() -> None:
    """Nothing of it can be found afterwards."""
    world, guild, channel = small()
    thread = threads.open_in(world, channel, guild.owner_id, {"name": "talk", "type": 11})
    said = messages.post(world, thread, guild.owner_id, Draft(content="one"))
    world.delete_channel(channel)
    assert said.deleted
    for gone in (channel.id, thread.id):
        with pytest.raises(DiscordError, match="10003"):
            world.channel(gone, guild.owner_id)
    assert not any(isinstance(one, Thread) for one in world.channels.values())
