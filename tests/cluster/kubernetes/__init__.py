"""A Kubernetes of two nodes on this machine."""
