"""Renders world events as terminal blocks: messages, presses, commands."""

from __future__ import annotations

from loopback.demo.terminal import COLOURS, Block, Button, Terminal
from loopback.state import components, world_events
from loopback.state.entities import Bot, Interaction, InteractionType, Message, MessageType, Thread
from loopback.state.world import World

_SHOWN = frozenset(
    {MessageType.DEFAULT, MessageType.REPLY, MessageType.CHAT_INPUT_COMMAND, MessageType.CONTEXT_MENU_COMMAND}
)

_NAME = 40  # shown characters of a thread's name


class Feed:
    """A listener of the world that shows its messages and actions as blocks of a terminal."""

    def __init__(self, world: World, terminal: Terminal) -> None:
        self._world = world
        self._terminal = terminal
        self._colours: dict[int, str] = {}

    def __call__(self, event: world_events.Event) -> None:
        """Show the change of an event."""
        match event:
            case world_events.MessageCreated(message) | world_events.MessageEdited(message) if message.type in _SHOWN:
                self._terminal.show(message.id, self._block(message))
            case world_events.MessageDeleted(message):
                self._terminal.forget(message.id)
            case world_events.MessagesDeleted(messages):
                for message in messages:
                    self._terminal.forget(message.id)
            case world_events.InteractionCreated(interaction):
                self._note(interaction)
            case _:
                pass

    def _block(self, message: Message) -> Block:
        author = self._name(message.author_id)
        if message.ephemeral_to is not None:
            author += f" (only {self._name(message.ephemeral_to)} sees this)"
        texts = [components.text_of(message)]
        texts += [str(embed[key]) for embed in message.embeds for key in ("title", "description") if embed.get(key)]
        found = [component for _, component in components.walk(message.components)]
        texts += [f"-# attached: {attachment.shown_name}" for attachment in message.attachments]
        buttons = [one for one in found if one.get("type") == components.BUTTON]
        asks = any(not one.get("disabled") for one in buttons)
        return Block(
            author=author,
            where=self._where(message.channel_id),
            text="\n".join(text for text in texts if text),
            colour=self._colours.setdefault(message.channel_id, COLOURS[len(self._colours) % len(COLOURS)]),
            buttons=tuple(Button(str(one.get("label", "")), closed=bool(one.get("disabled"))) for one in buttons),
            settled=asks or not isinstance(self._world.accounts.get(message.author_id), Bot),
        )

    def _note(self, interaction: Interaction) -> None:
        match interaction.type:
            case InteractionType.COMPONENT:
                did = f"presses [ {_label(interaction)} ]"
            case InteractionType.COMMAND:
                did = f"uses /{interaction.data.get('name')}"
            case _:
                return
        where = self._where(interaction.channel_id)
        text = f"{self._name(interaction.user_id)} {did} in {where}"
        self._terminal.show(("interaction", interaction.id), Block("", where, text, settled=True))

    def _name(self, user_id: int) -> str:
        return name_in(self._world, user_id)

    def _where(self, channel_id: int) -> str:
        channel = self._world.channels.get(channel_id)
        if channel is None:
            return "a deleted channel"
        name = channel.name if len(channel.name) <= _NAME else f"{channel.name[: _NAME - 1]}…"
        return f"› {name}" if isinstance(channel, Thread) else f"#{name}"


def name_in(world: World, some_id: int) -> str:
    """Return the name of the person, bot, channel or thread with this id, or the id."""
    found = world.accounts.get(some_id) or world.channels.get(some_id)
    return found.name if found else str(some_id)


def _label(interaction: Interaction) -> str:
    pressed = interaction.data.get("custom_id")
    found = components.walk(interaction.message.components if interaction.message else [])
    return next((str(one.get("label")) for _, one in found if one.get("custom_id") == pressed), "a button")
