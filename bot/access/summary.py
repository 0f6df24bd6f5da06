"""Describes the gate's rules, for the log and for the operator. Pure."""

from collections.abc import Callable, Iterator, Sequence

from .gate import People, Rules

Name = Callable[[int], str]
"""Returns the name that Discord gives to an id; empty if it is unknown."""

MOST_NAMED = 10
"""Channels that the line about a start names; the others are only counted."""

_MENTIONS = {
    "involved": "no mention is needed in the bot's own threads",
    "mentions": "every message must mention the bot",
    "shared": "no mention is needed in the bot's own threads, except where another bot is",
}


def describe_ready(bot: str, channels: Sequence[str], *, direct: bool) -> str:
    """Say what a person has to do to talk to the bot of that name."""
    more = len(channels) - MOST_NAMED
    rest = [f"{more} more channel{'s' if more > 1 else ''}"] if more > 0 else []
    ways = [f"mention @{bot} in {', '.join([*channels[:MOST_NAMED], *rest])}"] if channels else []
    ways += [f"send @{bot} a direct message"] if direct else []
    return f"ready: {', or '.join(ways)}" if ways else "ready, but the bot sees no listed channel: run threadline check"


def describe_rules(rules: Rules, name: Name) -> Iterator[str]:
    """Yield a sentence for each group of rights."""
    yield f"The bot works in {_places(rules, name)}; {_MENTIONS[rules.mention]}."
    yield f"Allowed to talk to it and to stop their own turns: {_people(rules.users, name)}."
    yield (
        "Of these, allowed to answer an agent's questions, to stop any turn, to change what an agent may do without"
        " asking, and to end conversations that others started:"
        f" {_people(rules.approvers, name)}."
    )
    yield f"Allowed all this, to reload the configuration and to resume any session: {_people(rules.admins, name)}."
    if rules.bots != "off" and rules.trusted_bots:
        when = "that mention it" if rules.bots == "mentions" else "as if they were people's"
        yield (
            f"It answers messages {when} from the bots and webhooks {_ids(rules.trusted_bots, name)}, at most"
            f" {rules.bot_turns} until a person writes."
        )


def _places(rules: Rules, name: Name) -> str:
    where = f" of the servers {_ids(rules.guilds, name)}" if rules.guilds else ""
    if rules.channels is None:
        places = [f"all channels{where}"]
    else:
        places = [f"the channels {_ids(rules.channels, name)}{where}"] if rules.channels else []
    if rules.dm:
        places.append("direct messages")
    return " and in ".join(places) or "no channel"


def _people(people: People, name: Name) -> str:
    if people.everyone:
        return "everybody"
    words = ["the bot's owner"] if people.owner else []
    words += ["the author of the message"] if people.asker else []
    words += [f"the users {_ids(people.user_ids, name)}"] if people.user_ids else []
    words += [f"the roles {_ids(people.role_ids, name)}"] if people.role_ids else []
    return ", ".join(words) or "no person"


def _ids(ids: frozenset[int], name: Name) -> str:
    return ", ".join(f"{known} ({each})" if (known := name(each)) else str(each) for each in sorted(ids))
