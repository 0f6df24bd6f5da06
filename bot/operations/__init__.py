"""What an operator sees and needs: logs, health, metrics, locks, systemd, the watchdog."""
