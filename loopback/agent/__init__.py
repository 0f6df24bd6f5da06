"""A scripted coding agent, which speaks the Agent Client Protocol, version 1, and does what the prompt says.

`python -m loopback.agent --help` lists its flags and directives. It uses only the standard library, with threads, in
order to start fast: a test may start hundreds of agents.
"""
