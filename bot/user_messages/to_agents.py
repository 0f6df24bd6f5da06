"""What Threadline tells an agent. Pure."""

from collections.abc import Sequence

INTERRUPTED = (
    "This request is sent again: the first try was interrupted, and may have been carried out in part."
    " Check the current state before you act."
)
"""Tells the agent that a prompt is repeated."""

GO_ON = (
    "Your question was closed because other threads had long been waiting for an agent; a person did not reject it."
    " You can continue now: resume your work where you left off, and ask again if you still need to."
)
"""Tells a preempted agent to continue."""


SIDE_QUESTION = (
    "This is a side question beside the conversation, asked of a copy of its session. Answer it briefly, and change"
    " nothing: every request for permission is rejected."
)
"""Tells a fork what it is for."""


def missing_file(name: str) -> str:
    """Tell the agent in the place of a file that it does not get."""
    return f"Threadline could not copy the file {name} to this machine."


def missed(questions: Sequence[str]) -> str:
    """Tell the agent, with the next prompt, which of its questions went unanswered, each with the reason."""
    lines = "".join(f"\n- {question}" for question in questions)
    return f"Threadline rejected your questions. It was not a person's decision:{lines}"
