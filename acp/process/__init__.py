"""An agent as a child process: its start, its pipes, its end, and what it leaves behind."""
