"""The WebSocket gateway: sessions, events, heartbeats, resumes."""
