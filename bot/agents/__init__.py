"""The configured agents: the registry, the login, and the probe that tests one."""
