"""The intake: turns a message into work, whether it is live, missed, edited, deleted or recovered."""
