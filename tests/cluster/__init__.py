"""Other machines, for tests: SSH servers, Slurm and Kubernetes, each on this machine alone."""
