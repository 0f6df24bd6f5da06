"""Conversations and their agents: processes, queues, and the journal. Independent of Discord."""
