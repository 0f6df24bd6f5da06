"""Describes the gate's rules, for the log and for the operator. Pure."""

from collections.abc import Callable, Iterator

from bot.user_messages import access_rules as texts

from .gate import People, Rules

Name = Callable[[int], str]
"""Returns the name that Discord gives to an id; empty if it is unknown."""


def describe_rules(rules: Rules, name: Name) -> Iterator[str]:
    """Yield a sentence for each group of rights."""
    yield texts.works_in(_places(rules, name), texts.MENTIONS[rules.mention])
    yield texts.may_talk(_people(rules.users, name))
    yield texts.may_approve(_people(rules.approvers, name))
    yield texts.may_administer(_people(rules.admins, name))
    if rules.bots != "off" and rules.trusted_bots:
        bots = _ids(rules.trusted_bots, name)
        yield texts.answers_bots(bots, rules.bot_turns, mentioned=rules.bots == "mentions")


def _places(rules: Rules, name: Name) -> list[str]:
    servers = _ids(rules.guilds, name)
    if rules.channels is None:
        places = [texts.all_channels(servers)]
    else:
        places = [texts.channels(_ids(rules.channels, name), servers)] if rules.channels else []
    return [*places, texts.DIRECT_MESSAGES] if rules.dm else places


def _people(people: People, name: Name) -> list[str]:
    if people.everyone:
        return [texts.EVERYBODY]
    words = [texts.OWNER] if people.owner else []
    words += [texts.ASKER] if people.asker else []
    words += [texts.users(_ids(people.user_ids, name))] if people.user_ids else []
    words += [texts.roles(_ids(people.role_ids, name))] if people.role_ids else []
    return words


def _ids(ids: frozenset[int], name: Name) -> str:
    return ", ".join(texts.identified(known, each) if (known := name(each)) else str(each) for each in sorted(ids))
