"""Places where agents run: this machine, and others that an engine such as SSH reaches."""
