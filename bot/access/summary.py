"""Describes the gate's rules, for the log and for the operator. Pure."""

from collections.abc import Iterator

from .gate import People, Rules

_MENTIONS = {
    "involved": "no mention is needed in the bot's own threads",
    "mentions": "every message must mention the bot",
    "shared": "no mention is needed in the bot's own threads, but where another bot is",
}


def describe_rules(rules: Rules) -> Iterator[str]:
    """Yield a sentence for each group of rights."""
    yield f"The bot works in {_places(rules)}; {_MENTIONS[rules.mention]}."
    yield f"To talk to it, and to stop their own turns: {_people(rules.users)}."
    yield (
        "Of these, to answer an agent's questions, to stop any turn, to change what an agent may do unasked, and to end"
        f" and forget conversations, as those who began them may: {_people(rules.approvers)}."
    )
    yield f"To do all this, to reload the configuration and to take up any session: {_people(rules.admins)}."
    if rules.bots != "off" and rules.trusted_bots:
        when = "that mention it" if rules.bots == "mentions" else "as those of people"
        yield (
            f"Messages {when} are answered of the bots and webhooks {_ids(rules.trusted_bots)}, at most"
            f" {rules.bot_turns} until a person writes."
        )


def _places(rules: Rules) -> str:
    where = f" of the servers {_ids(rules.guilds)}" if rules.guilds else ""
    if rules.channels is None:
        places = [f"all channels{where}"]
    else:
        places = [f"the channels {_ids(rules.channels)}{where}"] if rules.channels else []
    if rules.dm:
        places.append("direct messages")
    return " and in ".join(places) or "no channel"


def _people(people: People) -> str:
    if people.everyone:
        return "everybody"
    words = ["the bot's owner"] if people.owner else []
    words += ["whoever wrote the message"] if people.asker else []
    words += [f"the users {_ids(people.user_ids)}"] if people.user_ids else []
    words += [f"the roles {_ids(people.role_ids)}"] if people.role_ids else []
    return ", ".join(words) or "nobody"


def _ids(ids: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(ids)))
