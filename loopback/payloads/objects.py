"""Users, guilds, channels and threads in Discord's JSON for one viewer. Pure.

Ids are strings, times are ISO 8601, permissions are decimal strings. Tests check the shapes against Discord's
OpenAPI description.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from loopback.state import permissions
from loopback.state.entities import Account, Bot, Channel, ChannelType, Guild, Json, Member, Role, Thread, Webhook
from loopback.state.world import World

_VOCAL: Final[Json] = {"bitrate": 64_000, "user_limit": 0, "rtc_region": None, "video_quality_mode": 1}
_PRIVILEGED_FLAGS: Final = ((1 << 8, 1 << 13), (1 << 1, 1 << 15), (1 << 15, 1 << 19))


def moment(seconds: float) -> str:
    """Return a time in Discord's form, with milliseconds and offset."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def user(account: Account) -> Json:
    """Return a user object."""
    payload: Json = {
        "id": str(account.id),
        "username": account.name,
        "global_name": None,
        "discriminator": "0",
        "avatar": None,
        "public_flags": 0,
        "flags": 0,
        "primary_guild": None,
    }
    if isinstance(account, Bot):
        payload["bot"] = True
        payload["discriminator"] = f"{account.id % 9999 + 1:04}"
    elif isinstance(account, Webhook):
        payload |= {"bot": True, "discriminator": "0000"}
    return payload


def own_user(account: Account) -> Json:
    """Return a bot's own user object."""
    return {**user(account), "mfa_enabled": True, "locale": "en-US", "verified": True, "email": None}


def intents_allowed(before: int, flags: int) -> int:
    """Return the allowed intents of an application with these flags. Intents without a flag stay."""
    for intent, flag in _PRIVILEGED_FLAGS:
        before = before | intent if flags & flag else before & ~intent
    return before


def application(world: World, bot: Bot) -> Json:
    """Return the bot's application, whose flags are the allowed privileged intents."""
    flags = sum(flag for intent, flag in _PRIVILEGED_FLAGS if bot.allowed_intents & intent)
    return {
        "id": str(bot.application_id),
        "name": bot.name,
        "icon": None,
        "description": "",
        "type": None,
        "bot": user(bot),
        "bot_public": bot.public,
        "bot_require_code_grant": False,
        "verify_key": f"{bot.application_id:064x}",
        "flags": flags,
        "flags_new": str(flags),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "owner": user(world.accounts[bot.owner_id]),
        "approximate_guild_count": sum(bot.id in guild.members for guild in world.guilds.values()),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": _team(world, bot) if bot.team else None,
        "eligible_oauth2_scopes": [],
    }


def _team(world: World, bot: Bot) -> Json:
    members = [
        {
            "user": user(world.accounts[user_id]),
            "team_id": str(bot.application_id),
            "membership_state": 2 if joined else 1,
            "role": "admin",
            "permissions": ["*"],
        }
        for user_id, joined in bot.team.items()
    ]
    owner = str(bot.owner_id)
    return {"id": str(bot.application_id), "icon": None, "name": bot.name, "owner_user_id": owner, "members": members}


def role(one: Role) -> Json:
    """Return a role object."""
    payload: Json = {
        "id": str(one.id),
        "name": one.name,
        "permissions": str(one.permissions),
        "position": one.position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": one.managed_by is not None,
        "mentionable": False,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }
    if one.managed_by is not None:
        payload["tags"] = {"bot_id": str(one.managed_by)}
    return payload


def partial_member(one: Member) -> Json:
    """Return a member object without its user, as in messages."""
    return {
        "roles": [str(role_id) for role_id in one.role_ids],
        "joined_at": moment(one.joined),
        "nick": one.nick,
        "avatar": None,
        "banner": None,
        "premium_since": None,
        "communication_disabled_until": None,
        "pending": False,
        "mute": False,
        "deaf": False,
        "flags": 0,
    }


def member(world: World, one: Member) -> Json:
    """Return a member object."""
    return {**partial_member(one), "user": user(world.accounts[one.user_id])}


def channel(world: World, one: Channel, viewer: int) -> Json:
    """Return a channel, thread or DM object."""
    if isinstance(one, Thread):
        return thread(one, viewer)
    common: Json = {"id": str(one.id), "type": int(one.type), "flags": 0, "last_message_id": _id(one.last_message_id)}
    if one.guild_id is None:
        others = [world.accounts[user_id] for user_id in sorted(one.recipient_ids) if user_id != viewer]
        return {**common, "recipients": [user(account) for account in others]}
    if one.holds_posts:
        common |= _forum(one)
    if one.is_vocal:
        common |= _VOCAL
    guild = world.guilds[one.guild_id]
    return {
        **common,
        "guild_id": str(one.guild_id),
        "name": one.name,
        "position": one.position,
        "parent_id": _id(one.parent_id),
        "topic": one.topic,
        "nsfw": False,
        "rate_limit_per_user": 0,
        "permission_overwrites": [
            {
                "id": str(target),
                "type": 0 if target in guild.roles else 1,
                "allow": str(overwrite.allow),
                "deny": str(overwrite.deny),
            }
            for target, overwrite in one.overwrites.items()
        ],
    }


def _forum(one: Channel) -> Json:
    tags = [
        {"id": str(tag_id), "name": name, "moderated": False, "emoji_id": None, "emoji_name": None}
        for tag_id, name in one.tags.items()
    ]
    return {
        "available_tags": tags,
        "default_reaction_emoji": None,
        "default_sort_order": None,
        **({"default_forum_layout": 0} if one.type == ChannelType.FORUM else {}),
        "default_thread_rate_limit_per_user": 0,
        "template": "",
    }


def webhook(world: World, one: Webhook) -> Json:
    """Return a webhook object with its token, as for its creator."""
    return {
        "id": str(one.id),
        "type": 1,
        "name": one.name,
        "avatar": None,
        "channel_id": str(one.channel_id),
        "guild_id": str(one.guild_id),
        "application_id": None,
        "user": user(world.accounts[one.creator_id]),
        "token": one.token,
        "url": f"{world.cdn}/api/webhooks/{one.id}/{one.token}",
    }


def thread(one: Thread, viewer: int) -> Json:
    """Return a thread object, with `member` if the viewer is one."""
    payload: Json = {
        "id": str(one.id),
        "type": int(one.type),
        "guild_id": str(one.guild_id),
        "parent_id": _id(one.parent_id),
        "owner_id": str(one.owner_id),
        "name": one.name,
        "flags": 0,
        "last_message_id": _id(one.last_message_id),
        "message_count": one.message_count,
        "total_message_sent": one.message_count,
        "member_count": min(len(one.members), 50),
        "rate_limit_per_user": 0,
        "thread_metadata": {
            "archived": one.archived,
            "archive_timestamp": moment(one.archive_changed),
            "auto_archive_duration": one.auto_archive,
            "locked": one.locked,
            "create_timestamp": moment(one.created),
        },
    }
    if one.type == ChannelType.PRIVATE_THREAD:
        payload["thread_metadata"]["invitable"] = one.invitable
    if one.applied_tags:
        payload["applied_tags"] = [str(tag_id) for tag_id in one.applied_tags]
    if viewer in one.members:
        payload["member"] = thread_member(one, viewer)
    return payload


def thread_member(one: Thread, user_id: int) -> Json:
    """Return a thread member object."""
    joined = moment(one.members[user_id])
    return {"id": str(one.id), "user_id": str(user_id), "join_timestamp": joined, "flags": 1}


def guild(one: Guild) -> Json:
    """Return a guild object as REST gives it."""
    nothing = (
        "icon description home_header splash discovery_splash banner application_id afk_channel_id system_channel_id "
        "widget_channel_id vanity_url_code rules_channel_id safety_alerts_channel_id public_updates_channel_id "
        "max_presences incidents_data"
    )
    return {
        **dict.fromkeys(nothing.split()),
        "id": str(one.id),
        "name": one.name,
        "owner_id": str(one.owner_id),
        "features": [],
        "region": "us-east",
        "afk_timeout": 300,
        "system_channel_flags": 0,
        "widget_enabled": False,
        "verification_level": 0,
        "roles": [role(each) for each in one.roles.values()],
        "default_message_notifications": 0,
        "mfa_level": 0,
        "explicit_content_filter": 0,
        "max_members": 500_000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "nsfw_level": 0,
        "emojis": [],
        "stickers": [],
    }


def guild_create(world: World, one: Guild, viewer: int, *, members: bool) -> Json:
    """Return the guild as the gateway sends it, with the channels and active threads that the viewer sees.

    Without the members intent it has only the viewer's own member.
    """
    seen = [world.channels[channel_id] for channel_id in one.channel_ids]
    seen = [each for each in seen if world.permissions(each, viewer) & permissions.Permission.VIEW_CHANNEL]
    listed = one.members.values() if members else [one.members[viewer]]
    return {
        **guild(one),
        "joined_at": moment(one.members[viewer].joined),
        "large": False,
        "unavailable": False,
        "member_count": len(one.members),
        "members": [member(world, each) for each in listed],
        "channels": [channel(world, each, viewer) for each in seen if not isinstance(each, Thread)],
        "threads": [thread(each, viewer) for each in seen if isinstance(each, Thread) and not each.archived],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def _id(value: int | None) -> str | None:
    return None if value is None else str(value)
