"""One open tab: its person, its channels, and the changes since its last frame. Pure.

The tab notes changes, and `frame` turns them into JSON. A message that is edited a hundred times between two frames is
rendered once, and a message outside the open channels never.
"""

from __future__ import annotations

from typing import Final

from loopback.state import world_events
from loopback.state.entities import Account, Channel, Json, Message
from loopback.state.errors import DiscordError, Reason
from loopback.state.world import World

from . import sidebar, view
from .names import GuildNames

WINDOW: Final = 50
"""Messages in one page of a channel's history."""


class Tab:
    """What one browser tab shows to the person `viewer`. `online` tells whether a bot is connected.

    Ephemeral messages from before `since`, when the page was opened, are not shown: a reload puts them away.
    """

    def __init__(self, world: World, viewer: Account, online: sidebar.Online, since: float | None = None) -> None:
        self.viewer = viewer
        self._since = world.clock() if since is None else since
        self._world = world
        self._online = online
        self._oldest: dict[int, int] = {}
        self._changed: dict[int, Message] = {}
        self._posted: dict[int, Message] = {}
        self._typing: dict[tuple[int, int], None] = {}
        self._moved = True

    @property
    def stale(self) -> bool:
        """Whether `frame` has changes."""
        return self._moved or bool(self._changed or self._posted or self._typing)

    def look(self, channel_id: int) -> Json:
        """Open a channel, and return its last messages. Raises DiscordError if the person does not see it."""
        return self._page(self._world.channel(channel_id, self.viewer.id))

    def older(self, channel_id: int, before: int) -> Json:
        """Return the page of messages before that id."""
        return self._page(self._world.channel(channel_id, self.viewer.id), before)

    def leave(self, channel_id: int) -> None:
        """Close a channel."""
        self._oldest.pop(channel_id, None)

    def refresh(self) -> None:
        """Put the sidebar into the next frame."""
        self._moved = True

    def _page(self, channel: Channel, before: int | None = None) -> Json:
        found: list[Message] = []
        for one in reversed(channel.messages.values()):
            if (before is None or one.id < before) and self._shows(one):
                found.append(one)
                if len(found) > WINDOW:
                    break
        kept = found[:WINDOW][::-1]
        self._oldest[channel.id] = kept[0].id if kept else before or 0
        return {
            "channel": str(channel.id),
            "messages": [view.message(self._world, one, self.viewer.id) for one in kept],
            "more": len(found) > WINDOW,
        }

    def hear(self, event: world_events.Event) -> None:
        """Note the changes of an event of the world."""
        match event:
            case world_events.MessageCreated(message):
                if self._shows(message) and self._sees(message.channel_id):
                    self._posted[message.id] = message
                    self._note(message)
                    self._note_opener(message)
            case (
                world_events.MessageEdited(message)
                | world_events.MessageDeleted(message)
                | world_events.ReactionAdded(message)
                | world_events.ReactionRemoved(message)
                | world_events.ReactionsCleared(message)
            ):
                self._note(message)
            case world_events.MessagesDeleted(messages):
                for message in messages:
                    self._note(message)
            case world_events.TypingStarted(channel, user_id):
                if user_id != self.viewer.id and channel.id in self._oldest:
                    self._typing[channel.id, user_id] = None
            case (
                world_events.InteractionCreated() | world_events.InteractionAnswered() | world_events.CommandsChanged()
            ):
                pass
            case _:
                self._moved = True

    def _note(self, message: Message) -> None:
        oldest = self._oldest.get(message.channel_id)
        if oldest is not None and message.id >= oldest and self._shows(message):
            self._changed[message.id] = message

    def _note_opener(self, message: Message) -> None:
        """Note the message on which the thread was opened, which shows the thread's message count."""
        channel = self._world.channels[message.channel_id]
        parent = self._world.channels.get(channel.parent_id or 0)
        if parent is not None and (opener := parent.messages.get(channel.id)):
            self._note(opener)

    def _shows(self, message: Message) -> bool:
        put_away = message.ephemeral_to is not None and message.created < self._since
        return view.shows(message, self.viewer.id) and not put_away

    def _sees(self, channel_id: int) -> bool:
        channel = self._world.channels.get(channel_id)
        return channel is not None and self._world.reads(channel, self.viewer.id)

    def frame(self) -> Json:
        """Return the changes since the last frame."""
        frame: Json = {}
        if self._moved:
            self._oldest = {one: oldest for one, oldest in self._oldest.items() if self._sees(one)}
            frame["overview"] = {
                **sidebar.overview(self._world, self.viewer, self._online),
                "since": self._since,
            }
        changed = [one for one in self._changed.values() if one.channel_id in self._oldest]
        frame["messages"] = [view.message(self._world, one, self.viewer.id) for one in changed if not one.deleted]
        frame["gone"] = [str(one.id) for one in changed if one.deleted]
        frame["posted"] = [self._notice(one) for one in self._posted.values() if not one.deleted]
        frame["typing"] = [
            {"channel": str(channel_id), "user": str(user_id), "name": self._name(channel_id, user_id)}
            for channel_id, user_id in self._typing
        ]
        self._moved = False
        self._changed, self._posted, self._typing = {}, {}, {}
        return {key: value for key, value in frame.items() if value}

    def _notice(self, message: Message) -> Json:
        return {
            "id": str(message.id),
            "channel": str(message.channel_id),
            "own": message.author_id == self.viewer.id,
            "pings": view.pings(self._world, message, self.viewer.id),
        }

    def _name(self, channel_id: int, user_id: int) -> str:
        channel = self._world.channels.get(channel_id)
        guild = self._world.guilds.get(channel.guild_id or 0) if channel else None
        return GuildNames(self._world, guild).user(user_id) or "somebody"

    def message(self, channel_id: int, message_id: int) -> Message:
        """Return a message that the person sees. Raises 10008, and the errors of `World.channel`."""
        message = self._world.channel(channel_id, self.viewer.id).messages.get(message_id)
        if message is None or not view.shows(message, self.viewer.id):
            raise DiscordError(Reason.UNKNOWN_MESSAGE)
        return message
