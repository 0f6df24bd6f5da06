"""What Threadline tells an agent. Pure."""

from collections.abc import Sequence

INTERRUPTED = (
    "This is the same request once more: the first try was interrupted by a restart, and may have been carried out in"
    " part. Look at what is there before you act."
)
"""Tells the agent that a prompt is repeated."""

GO_ON = (
    "Your question was ended because others had long been waiting for an agent, not because somebody rejected it."
    " Somebody is there again: take up your work where you left it, and ask once more what you need to ask."
)
"""Tells a preempted agent to continue."""


def missed(questions: Sequence[str]) -> str:
    """Tell the agent, with the next prompt, which of its questions went unanswered, each with the reason."""
    lines = "".join(f"\n- {question}" for question in questions)
    return f"Threadline rejected what you asked. It was not a person's decision:{lines}"
