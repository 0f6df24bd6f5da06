"""A person of the world, who posts, clicks, chooses, fills in forms, uses commands, and waits for the result."""

from __future__ import annotations

import mimetypes
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from loopback.state import (
    commands,
    components,
    interactions,
    membership,
    messages,
    modals,
    reactions,
    threads,
    world_events,
)
from loopback.state.change_signal import ChangeSignal
from loopback.state.commands import AvailableCommand, Value
from loopback.state.drafts import Draft, Upload
from loopback.state.entities import (
    Account,
    Bot,
    CallbackType,
    Channel,
    Interaction,
    InteractionType,
    Json,
    Message,
    MessageType,
    Reference,
    Thread,
)
from loopback.state.messages import Origin
from loopback.state.outcome import WAIT, Outcome, Wanted, matches
from loopback.state.permissions import Permission
from loopback.state.world import World

SHOWN: Final = 20

File = tuple[str, bytes]


class User(Account):
    """A person. Each action takes effect before the call returns. A forbidden one raises DiscordError."""

    def __init__(self, account: Account, world: World, changes: ChangeSignal) -> None:
        super().__init__(account.id, account.name)
        self._world = world
        self._changes = changes

    def __repr__(self) -> str:
        return f"<User {self.name} {self.id}>"

    def _channel(self, place: Channel | int) -> Channel:
        channel_id = place if isinstance(place, int) else place.id
        return self._world.channel(channel_id, self.id)

    # Messages

    async def say(
        self,
        channel: Channel | int,
        text: str = "",
        *,
        files: Sequence[File] = (),
        reply_to: Message | None = None,
        stickers: Sequence[str] = (),
        poll: Sequence[str] = (),
        type: int = 0,  # noqa: A002 -- Discord's name for it
    ) -> Message:
        """Post a message. Files are (name, content), stickers are names, a poll is its question and then its answers.

        `type` other than 0 makes it a system message.
        """
        draft = Draft(
            content=text.strip(),
            uploads=tuple(Upload(name, content, mimetypes.guess_type(name)[0]) for name, content in files),
            answers=None if reply_to is None else reply_to.id,
            stickers=stickers,
            poll=poll,
        )
        origin = Origin(type=type) if type else None
        return messages.post(self._world, self._channel(channel), self.id, draft, origin)

    async def forward(self, message: Message, channel: Channel | int) -> Message:
        """Forward a message to another channel."""
        place = self._channel(channel)
        reference = Reference(message.channel_id, message.id, message.guild_id)
        origin = Origin(type=MessageType.DEFAULT, forwarded=message, reference=reference)
        return messages.post(self._world, place, self.id, Draft(), origin)

    async def edit(self, message: Message, text: str) -> Message:
        """Edit the text of one's own message."""
        draft = Draft(given=frozenset({"content"}), content=text.strip())
        return messages.edit_as(self._world, self._channel(message.channel_id), self.id, message.id, draft)

    async def delete(self, message: Message) -> None:
        """Delete a message."""
        messages.delete_as(self._world, self._channel(message.channel_id), self.id, message.id)

    async def react(self, message: Message, emoji: str) -> None:
        """Add a reaction."""
        reactions.react(self._world, message, self.id, emoji)

    async def unreact(self, message: Message, emoji: str) -> None:
        """Take a reaction back."""
        reactions.unreact(self._world, message, self.id, emoji)

    async def type(self, channel: Channel | int) -> None:
        """Show that one is typing."""
        self._world.emit(world_events.TypingStarted(self._channel(channel), self.id))

    # Threads

    async def open_thread(
        self, place: Message | Channel, name: str, text: str = "", *, tags: Collection[str] = ()
    ) -> Thread:
        """Open a thread on a message or in a channel. In a forum, `text` is the first message; `tags` are names."""
        body: Json = {"name": name}
        if isinstance(place, Message):
            return threads.open_on(self._world, place, self.id, body)
        first = Draft(content=text.strip()) if text else None
        body |= {"type": 11, "applied_tags": [str(tag_id) for tag_id, tag in place.tags.items() if tag in tags]}
        return threads.open_in(self._world, place, self.id, body, first)

    async def rename(self, channel: Channel | int, name: str) -> None:
        """Rename a thread or channel."""
        threads.change(self._world, self._channel(channel), self.id, {"name": name})

    async def archive(self, thread: Thread, *, archived: bool = True) -> None:
        """Archive a thread, or open it again."""
        threads.change(self._world, thread, self.id, {"archived": archived})

    async def join(self, thread: Thread) -> None:
        """Join a thread."""
        threads.add(self._world, thread, self.id, self.id)

    async def leave(self, thread: Thread) -> None:
        """Leave a thread."""
        membership.dismiss(self._world, thread, self.id)

    def direct(self, other: Account) -> Channel:
        """Return the DM with a bot."""
        return self._world.direct(self.id, other.id)

    # Seeing

    async def sees_thread(self, message: Message, *, timeout: float = WAIT) -> Thread:
        """Wait until the message's thread exists with this person in it. Raises AssertionError on time-out."""

        def opened() -> Thread | None:
            thread = self._world.channels.get(message.thread_id or 0)
            return thread if isinstance(thread, Thread) and self.id in thread.members else None

        try:
            return await self._changes.until(opened, timeout)
        except TimeoutError:
            state = "no thread" if message.thread_id is None else f"a thread without {self.name}"
            seen = self._listing(self._world.channels[message.channel_id])
            raise AssertionError(
                f"{state} on {message.content!r} after {timeout:g} s; the channel holds\n{seen}"
            ) from None

    async def sees(
        self,
        channel: Channel | int,
        wanted: Wanted,
        *,
        by: Account | int | None = None,
        after: Message | None = None,
        timeout: float = WAIT,
    ) -> Message:
        """Wait for a message whose current text has the text, matches the pattern or satisfies the predicate.

        `by` and `after` narrow the search, which includes ephemeral messages to this person. Returns the newest match.
        Raises AssertionError that lists the channel's messages, after `timeout` seconds.
        """
        place = self._channel(channel)
        author = by.id if isinstance(by, Account) else by

        def seen() -> Message | None:
            for message in reversed(place.messages.values()):
                if after is not None and message.id <= after.id:
                    return None
                theirs = author is None or message.author_id == author
                if theirs and message.ephemeral_to in (None, self.id) and matches(wanted, message):
                    return message
            return None

        try:
            return await self._changes.until(seen, timeout)
        except TimeoutError:
            listing = self._listing(place)
            raise AssertionError(f"{self.name} did not see {wanted!r} within {timeout:g} s, but\n{listing}") from None

    def _listing(self, channel: Channel) -> str:
        lines = []
        for message in list(channel.messages.values())[-SHOWN:]:
            author = self._world.accounts[message.author_id].name
            buttons = [one["label"] for _, one in components.walk(message.components) if one.get("label")]
            lines.append(f"  {author}: {components.text_of(message)!r}" + (f" {buttons}" if buttons else ""))
        return "\n".join(lines) or "  nothing"

    # Buttons, menus, forms

    async def click(self, message: Message, button: str | None = None, *, custom_id: str | None = None) -> Outcome:
        """Press a button, by its label or custom_id, and wait for the acknowledgement as long as Discord does.

        Raises AssertionError when the button is absent, disabled or a link.
        """
        found = self._component(message, {components.BUTTON}, button, custom_id)
        data = {"custom_id": found["custom_id"], "component_type": components.BUTTON, "id": found["id"]}
        return await self._use(message, data)

    async def pick(self, message: Message, values: Iterable[Value], *, custom_id: str | None = None) -> Outcome:
        """Choose in a menu, by default in the only one: options by label or value, or users, channels and roles."""
        found = self._component(message, components.SELECTS, None, custom_id)
        chosen = [modals.chosen(found, value) for value in values]
        if not found.get("min_values", 1) <= len(chosen) <= found.get("max_values", 1):
            raise AssertionError(f"{len(chosen)} choices do not fit the menu {found['custom_id']!r}")
        data = {"custom_id": found["custom_id"], "component_type": found["type"], "id": found["id"], "values": chosen}
        return await self._use(message, data)

    def _component(self, message: Message, kinds: Collection[int], label: str | None, custom_id: str | None) -> Json:
        if message.deleted or message.ephemeral_to not in (None, self.id):
            raise AssertionError(f"{self.name} does not see this message: {message.content!r}")
        there = [one for _, one in components.walk(message.components) if one.get("type") in kinds]
        for one in there:
            named = custom_id is not None and one.get("custom_id") == custom_id
            labelled = custom_id is None and (label is None or label in (one.get("label"), one.get("custom_id")))
            if named or labelled:
                if one.get("disabled") or "custom_id" not in one:
                    raise AssertionError(f"{one.get('label') or one.get('custom_id')!r} cannot be used")
                return one
        names = [one.get("label") or one.get("custom_id") for one in there]
        raise AssertionError(f"no {custom_id or label!r} on {message.content!r}; there are {names}")

    async def _use(self, message: Message, data: Json) -> Outcome:
        bot = self._world.accounts[message.author_id]
        if not isinstance(bot, Bot):
            raise AssertionError("only bots have components")  # noqa: TRY004 -- what a person cannot do
        channel = self._world.channels[message.channel_id]
        return await self._begin(bot, channel, InteractionType.COMPONENT, data, message=message)

    async def fill(self, form: Outcome, values: Mapping[str, Any]) -> Outcome:
        """Submit the form that answered `form`, with values by label or custom_id, and lists for menus.

        Other fields keep their values. Raises AssertionError without a form or field, and for an empty required one.
        """
        if form.response is None or form.response["type"] != CallbackType.MODAL:
            raise AssertionError(f"no form was opened: {form!r}")
        shown = form.response["data"]
        left = dict(values)
        data = {"custom_id": shown["custom_id"], "components": modals.filled(shown["components"], left)}
        if left:
            raise AssertionError(f"the form {shown['title']!r} has no field {sorted(left)}")
        before = form.interaction
        channel = self._world.channels[before.channel_id]
        kind = InteractionType.MODAL
        return await self._begin(before.bot, channel, kind, data, message=before.message, origin=before)

    # Commands

    async def slash(self, channel: Channel | int, command: str, /, **values: Value) -> Outcome:
        """Use a slash command of a bot ("config set" for a sub-command), with options by name.

        Raises AssertionError if no bot here has the command, and DiscordError if Discord's client would not send it.
        """
        place = self._channel(channel)
        name, *path = command.split()
        found = self._command(place, name, commands.SLASH)
        data = commands.slash_data(found, path, values)
        return await self._begin(found.bot, place, InteractionType.COMMAND, data)

    async def autocomplete(
        self, channel: Channel | int, command: str, focused: str, text: str, /, **values: Value
    ) -> Outcome:
        """Type `text` into an option of a command. The outcome's `choices` are what the bot offers."""
        place = self._channel(channel)
        name, *path = command.split()
        found = self._command(place, name, commands.SLASH)
        data = commands.slash_data(found, path, {**values, focused: text}, focused)
        return await self._begin(found.bot, place, InteractionType.AUTOCOMPLETE, data)

    async def menu(self, target: Message | Account, command: str, *, channel: Channel | None = None) -> Outcome:
        """Use a context-menu command on a message, or on a user in `channel`."""
        message = target if isinstance(target, Message) else None
        place = self._channel(message.channel_id if message else channel or 0)
        kind = commands.MESSAGE_MENU if message else commands.USER_MENU
        found = self._command(place, command, kind)
        data = {"id": found.command["id"], "name": command, "type": kind, "target_id": str(target.id)}
        return await self._begin(found.bot, place, InteractionType.COMMAND, data, message=message)

    def _command(self, channel: Channel, name: str, kind: int) -> AvailableCommand:
        self._world.channel(channel.id, self.id, Permission.USE_APPLICATION_COMMANDS)
        there = commands.available(self._world, channel, kind)
        for found in there:
            if found.command["name"] == name:
                return found
        raise AssertionError(f"no command {name!r}; there are {sorted(found.command['name'] for found in there)}")

    async def _begin(
        self,
        bot: Bot,
        channel: Channel,
        kind: InteractionType,
        data: Json,
        *,
        message: Message | None = None,
        origin: Interaction | None = None,
    ) -> Outcome:
        interaction = interactions.begin(self._world, bot, self.id, channel, kind, data, message=message, origin=origin)
        # On time-out the client shows "This interaction failed"; `acknowledged` is False.
        with suppress(TimeoutError):
            await self._changes.until(
                lambda: interaction.acknowledged or interactions.overdue(self._world, interaction),
                interactions.ACKNOWLEDGE_SECONDS,
            )
        return self.outcome(interaction)

    def outcome(self, interaction: Interaction) -> Outcome:
        """Return the outcome of an interaction that this person began."""
        return Outcome(interaction, self._changes)
