"""Thread membership and archiving, as posting and opening need them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from . import world_events
from .entities import Thread
from .errors import DiscordError, Reason
from .permissions import Permission
from .world import World


def enrol(world: World, thread: Thread, user_ids: Iterable[int]) -> None:
    """Make users members of the thread, unless they are."""
    added = tuple(dict.fromkeys(user_id for user_id in user_ids if user_id not in thread.members))
    for user_id in added:
        thread.members[user_id] = world.clock()
    if added:
        world.emit(world_events.ThreadMembersChanged(thread, added=added))


def dismiss(world: World, thread: Thread, user_id: int) -> None:
    """Remove a user from the thread."""
    if thread.members.pop(user_id, None) is not None:
        world.emit(world_events.ThreadMembersChanged(thread, removed=(user_id,)))


def check_unlocked(world: World, thread: Thread, user_id: int) -> None:
    """Raise 160005 if the thread is locked and the user may not manage threads."""
    if thread.locked and not world.permissions(thread, user_id) & Permission.MANAGE_THREADS:
        raise DiscordError(Reason.THREAD_LOCKED)


def unarchive(world: World, thread: Thread, user_id: int) -> None:
    """Unarchive a thread for a message. Raises 160005 as `check_unlocked`."""
    check_unlocked(world, thread, user_id)
    if thread.archived:
        thread.archived = False
        thread.archive_changed = world.clock()
        world.emit(world_events.ThreadUpdated(thread))
