"""Chaos: people talk to the real bot while it is killed, cut off and restarted. Then the invariants must hold.

A run has many rounds. A round is a plan that depends only on the seed (`plan`): the messages of two people, and the
faults with their triggers. A worker, or lane, has a loopback Discord, the bot as a process, and its agents (`harness`),
and runs rounds (`scenario`). Several workers share the rounds of a run, because most of a round is waiting. After each
round `invariants` checks every message against Discord, the journal and the agents' own notes.

With `--threads N` a bot plays rounds at the same time, as many as together have N threads (`rounds_in_play`). With
`--places N` the agents run on N hosts behind SSH (`machines`), whose clients and runners are killed and links cut too.

The bot's waits for an outage or a person's choice are shortened (`hurried`). Its agents may be hostile (`agent`).
"""
