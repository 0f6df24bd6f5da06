"""Operations: logs, health, metrics, locks, systemd and the watchdog."""
