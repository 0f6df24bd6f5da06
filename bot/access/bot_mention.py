"""What counts as a mention of the bot, which is how a conversation begins."""

import discord


def mentions_bot(message: discord.Message, user: discord.ClientUser | None) -> bool:
    """Whether a message mentions the bot's `user`, or the role that Discord made for it in the message's server."""
    if user is None:
        return False
    own_role = message.guild.self_role if message.guild is not None else None
    return any(each.id == user.id for each in message.mentions) or (
        own_role is not None and own_role.id in message.raw_role_mentions
    )
