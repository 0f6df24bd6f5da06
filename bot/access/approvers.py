"""Lists who may answer an agent's question, for the mention that pings them. Pure."""

from collections.abc import Collection

from bot.rest.mentions import MOST, NO_MENTIONS, Mentions

from .gate import People, Rules


def approver_mentions(rules: Rules, asker_id: int, owner_ids: Collection[int]) -> Mentions:
    """Return the mentions of those who may answer `asker_id`'s agent: the approvers, or else the admins.

    The asker alone, if everyone may answer or no list has an id.
    """
    for people in (rules.approvers, rules.admins):
        found = _mentions_of(people, asker_id, owner_ids)
        if found != NO_MENTIONS:
            return found
    return Mentions((asker_id,))


def _mentions_of(people: People, asker_id: int, owner_ids: Collection[int]) -> Mentions:
    owners = owner_ids if people.owner else ()
    asker = (asker_id,) if people.asker or people.everyone or asker_id in people.user_ids else ()
    users = tuple(dict.fromkeys((*asker, *sorted(people.user_ids), *sorted(owners))))[:MOST]
    return Mentions(users, tuple(sorted(people.role_ids))[: MOST - len(users)])
