"""A scripted coding agent: it speaks the Agent Client Protocol, version 1, and the prompt says what it does.

`python -m loopback.agent --help` lists its flags and the directives that a prompt may hold. Only the standard library
is used, on threads, because starting fast is part of the purpose: a test may start hundreds of agents.
"""
