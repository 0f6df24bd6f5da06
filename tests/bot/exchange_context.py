"""A configuration with one agent, and a context for its exchanges."""

from collections.abc import Iterable
from pathlib import Path

from bot.access.audit import Audit
from bot.access.membership import Membership
from bot.agents.registry import Agents
from bot.config.appearance import Reactions
from bot.config.schema import Config
from bot.conversation.exchange_context import ExchangeContext
from bot.interactions.cards import Cards
from bot.prompt.attachments import Attachments
from bot.reply.order import ReplyOrder
from bot.text.redaction import Redactor
from pool.journal.journal import Journal

from .fake_discord import FakeDiscord


def one_agent(folder: Path, journal: Journal, *, finish: str = "edit") -> Agents:
    """Return the agents of a configuration whose only agent works in `folder`, without an introduction.

    Every user of server 1 may talk to it. `finish` is `reply.finish`.
    """
    tables = {
        "discord": {"token": "t"},
        "access": {"guilds": ["1"], "channels": ["*"], "users": ["*"]},
        "agents": {"default": {"command": "agent", "cwd": folder}},
        "threads": {"introduction": False},
        "reply": {"finish": finish},
    }
    return Agents(Config.model_validate(tables), journal)


def context_of_one(
    folder: Path,
    journal: Journal,
    *,
    board: FakeDiscord,
    reactions: Reactions,
    secrets: Iterable[str] = (),
    finish: str = "edit",
) -> ExchangeContext:
    """Return a context in `folder` that has one agent, writes to `board`, and takes the `secrets` out."""
    agents, replies = one_agent(folder, journal, finish=finish), ReplyOrder()
    return ExchangeContext(
        journal=journal,
        api=board,
        cards=Cards(journal=journal, api=board, place=replies.ask),
        replies=replies,
        agents=agents,
        attachments=Attachments(folder / "attachments"),
        redact=Redactor([*secrets]),
        reactions=reactions,
        membership=Membership(rules=lambda: agents.config.rules, journal=journal, api=board),
        audit=Audit(),
    )
