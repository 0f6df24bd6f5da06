"""The intake: a message becomes work, whether it is live, missed, edited, deleted or recovered."""
