"""How long an agent may take to answer each of our requests, in seconds."""

INITIALIZE_SECONDS = 60.0
"""Bound of initialize. The slowest agent measured takes 7 s cold; one that npx fetches first takes longer."""

AUTHENTICATE_SECONDS = 600.0
"""Bound of authenticate: a person may have to find a browser, a password and a second factor."""

NEW_SECONDS = 60.0
"""Bound of session/new. The slowest agent measured takes 2.5 s, in which it also starts the MCP servers."""

LOAD_SECONDS = 120.0
"""Bound of session/load and session/resume, which replay or read a whole conversation."""

FORK_SECONDS = 120.0
"""Bound of session/fork, which copies a whole conversation, and may replay it."""

SESSIONS_SECONDS = 30.0
"""Bound of logout and of each session/list."""

CLOSE_SECONDS = 5.0
"""Bound of session/close and session/delete: nothing depends on the answer, and the thread's next message waits for the
first."""

SETTING_SECONDS = 30.0
"""Bound of session/set_mode, session/set_config_option, session/set_model and session/set_title."""

STEERING_SECONDS = 10.0
"""Bound of a message into a running turn. Real agents answer in 0.02 s; the turn's end waits for the answer."""

CANCEL_SECONDS = 10.0
"""How long an agent may take to end a cancelled turn. Real ones need 0.1 s; undoing a tool's work may take longer."""
