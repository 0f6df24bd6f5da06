"""The agent as a child process: its start, its pipes, its end, and its orphans."""
