"""Components v2: what may stand where, what a message shows of its files, and the mentions in its texts."""

from collections.abc import Sequence
from typing import Any

import pytest

from loopback import DiscordError
from loopback.payloads import message_payloads
from loopback.state import components, drafts, messages
from loopback.state.drafts import Upload
from loopback.state.entities import Account, Bot, Channel, Message, MessageFlag
from loopback.state.world import World

V2 = int(MessageFlag.COMPONENTS_V2)
BUTTON = {"type": 2, "style": 1, "label": "Go", "custom_id": "go"}
MENU = {"type": 3, "custom_id": "menu", "options": [{"label": "a", "value": "a"}]}


def text(content: str) -> dict[str, Any]:
    """Return a text display."""
    return {"type": 10, "content": content}


def row(*inner: Any) -> dict[str, Any]:
    """Return an action row."""
    return {"type": 1, "components": list(inner)}


def card(*inner: Any) -> dict[str, Any]:
    """Return a container."""
    return {"type": 17, "accent_color": 0xF5A524, "components": list(inner)}


class Stage:
    """A channel with ann and a bot that posts and edits."""

    def __init__(self) -> None:
        self.world = World()
        guild = self.world.add_guild("Lab")
        self.channel: Channel = self.world.add_channel(guild, "general")
        self.ann: Account = self.world.add_person("ann", guilds=(guild,))
        self.bot: Bot = self.world.add_bot("threadline", token="T", guilds=(guild,))

    def post(self, *shown: Any, flags: int = V2, files: Sequence[Upload] = (), **body: Any) -> Message:
        """Post the components."""
        draft = drafts.read({"components": list(shown), "flags": flags, **body}, files)
        return messages.post(self.world, self.channel, self.bot.id, draft)

    def edit(self, message: Message, **body: Any) -> Message:
        """Edit by a body without files."""
        return messages.edit(self.world, message, drafts.read(body))


def refusal(error: DiscordError) -> dict[str, str]:
    """Return the code of each problem by its path."""

    def walk(node: dict[str, Any], path: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, inner in node.items():
            found |= {path: inner[0]["code"]} if key == "_errors" else walk(inner, f"{path}.{key}".strip("."))
        return found

    return walk(error.errors or {}, "")


@pytest.mark.parametrize(
    ("shown", "flags", "wrong"),
    [
        ([text("a")], 0, {"components.0": "UNION_TYPE_CHOICES"}),
        ([card(text("a"))], 0, {"components.0": "UNION_TYPE_CHOICES"}),
        ([BUTTON], V2, {"components.0": "UNION_TYPE_CHOICES"}),
        ([card(card(text("a")))], V2, {"components.0.components.0": "UNION_TYPE_CHOICES"}),
        ([card()], V2, {"components.0.components": "BASE_TYPE_BAD_LENGTH"}),
        ([text("")], V2, {"components.0.content": "BASE_TYPE_REQUIRED"}),
        ([text("x" * 4001)], V2, {"components": "BASE_TYPE_MAX_LENGTH"}),
        ([{"type": 9, "components": [text("a")]}], V2, {"components.0.accessory": "UNION_TYPE_CHOICES"}),
        ([{"type": 9, "components": [row(BUTTON)], "accessory": MENU}], V2, {
            "components.0.components.0": "UNION_TYPE_CHOICES",
            "components.0.accessory": "UNION_TYPE_CHOICES",
        }),
        ([row(BUTTON, MENU)], V2, {"components.0.components.1": "COMPONENT_LAYOUT_WIDTH_EXCEEDED"}),
        ([{"type": 12, "items": []}], V2, {"components.0.items": "BASE_TYPE_BAD_LENGTH"}),
        ([{"type": 13, "file": {"url": "https://a.example/a"}}], V2, {
            "components.0.file.url": "URL_TYPE_INVALID_SCHEME"
        }),
        ([{"type": 13, "file": {"url": "attachment://a.txt"}}], V2, {
            "components.0.file.url": "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND"
        }),
        ([{"type": 12, "items": [{"media": {"url": "javascript:1"}}]}], V2, {
            "components.0.items.0.media.url": "URL_TYPE_INVALID_SCHEME"
        }),
    ],
)  # fmt: skip
def test_a_component_out_of_place_is_refused_at_its_path(shown: list[Any], flags: int, wrong: dict[str, str]) -> None:
    """The refusals are Discord's: by the flag, by the parent, by counts, by the address of a file."""
    with pytest.raises(DiscordError) as refused:
        Stage().post(*shown, flags=flags)
    assert refusal(refused.value) == wrong


def test_a_message_of_version_two_stays_one() -> None:
    """Its edits need no flag and cannot take it away; content and embeds are refused."""
    stage = Stage()
    asked = stage.post(card(text("Permission needed"), row(BUTTON)))
    stage.edit(asked, components=[text("Allowed once")])
    assert components.text_of(asked) == "Allowed once"
    stage.edit(asked, flags=0)
    assert asked.flags & V2
    for body in ({"flags": 0, "components": [text("b")]}, {"content": "b"}, {"embeds": [{"title": "b"}]}):
        with pytest.raises(DiscordError):
            stage.edit(asked, **body)
    assert [each for _, each in asked.history] == ["Permission needed", "Allowed once"]


def test_a_message_becomes_version_two_when_its_content_goes() -> None:
    """The edit must set the content to null, as Discord demands."""
    stage = Stage()
    plain = stage.post(row(BUTTON), flags=0, content="Permission needed")
    with pytest.raises(DiscordError) as refused:
        stage.edit(plain, flags=V2, components=[text("b")])
    assert refusal(refused.value) == {"content": "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"}
    stage.edit(plain, flags=V2, content=None, components=[text("b")])
    assert (plain.content, components.text_of(plain), plain.flags & V2) == ("", "b", V2)


def test_a_text_display_pings_as_content_does() -> None:
    """The mentions of all texts count, within allowed_mentions, again after an edit."""
    stage = Stage()
    asked = stage.post(card(text("# Hello"), text(f"<@{stage.ann.id}>, may I?")))
    assert asked.mentions == [stage.ann.id]
    quiet = stage.post(text(f"<@{stage.ann.id}>"), allowed_mentions={"parse": []})
    assert quiet.mentions == []
    stage.edit(asked, components=[text("done")])
    assert asked.mentions == []


def test_a_file_that_a_component_shows_is_not_among_the_attachments() -> None:
    """Its address is in the component; a file that no component names stays an attachment."""
    stage = Stage()
    files = [Upload("the diff.patch", b"+a", "text/x-patch"), Upload("rest.txt", b"b", "text/plain")]
    sent = stage.post(card({"type": 13, "file": {"url": "attachment://the_diff.patch"}}), files=files)
    payload = message_payloads.message(stage.world, sent, stage.bot.id)
    (file,) = payload["components"][0]["components"]
    assert [each["filename"] for each in payload["attachments"]] == ["rest.txt"]
    assert (file["name"], file["size"]) == ("the_diff.patch", 2)
    assert file["file"]["url"].startswith(f"{stage.world.cdn}/")
    stage.edit(sent, attachments=[], components=[text("gone")])
    assert sent.attachments == []
