"""Who may do what, and the audit log of what they did."""
