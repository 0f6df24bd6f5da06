"""Chaos: people talk to the real bot while it is killed, cut off and restarted; afterwards the invariants must hold.

A run is many rounds. A round is a plan, made from the seed alone (`plan`): what two people say and where, and what
goes wrong and when. A lane (`stage`, `play`) is a loopback Discord, the bot as a process, and its agents; several lanes
share the rounds of a run, for most of the time is spent waiting. After each round `books` judges every message of it,
from what stands in Discord, in the journal and in the agents' own notes, never from what the bot says of itself.

What takes the bot minutes, an outage or a choice that nobody makes, takes seconds here (`hurried`), and its agents may
be hostile (`agent`).
"""
