"""Thread membership and archiving: the common part of posting and opening. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from . import world_events
from .entities import Thread
from .errors import DiscordError, Reason
from .permissions import Permission
from .world import World


def enrol(world: World, thread: Thread, user_ids: Iterable[int]) -> None:
    """Make users members of the thread; those who are already stay as they are."""
    added = tuple(dict.fromkeys(user_id for user_id in user_ids if user_id not in thread.members))
    for user_id in added:
        thread.members[user_id] = world.clock()
    if added:
        world.emit(world_events.ThreadMembersChanged(thread, added=added))


def dismiss(world: World, thread: Thread, user_id: int) -> None:
    """Take a user out of the thread."""
    if thread.members.pop(user_id, None) is not None:
        world.emit(world_events.ThreadMembersChanged(thread, removed=(user_id,)))


def unlocked(world: World, thread: Thread, user_id: int) -> None:
    """A locked thread refuses (160005) messages and edits of all but those who manage threads."""
    if thread.locked and not world.permissions(thread, user_id) & Permission.MANAGE_THREADS:
        raise DiscordError(Reason.THREAD_LOCKED)


def wake(world: World, thread: Thread, user_id: int) -> None:
    """Open an archived thread for a message; see `unlocked`."""
    unlocked(world, thread, user_id)
    if thread.archived:
        thread.archived = False
        thread.archive_changed = world.clock()
        world.emit(world_events.ThreadUpdated(thread))
