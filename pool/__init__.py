"""Threads to agents: which thread has a process, what waits, what survives a restart. Knows nothing of Discord."""
