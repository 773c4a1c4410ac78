"""The HTTP API: REST, server-sent events, WebSocket, and the UI."""
