"""Threads and their agents: processes, queues, and what survives a restart. Independent of Discord."""
