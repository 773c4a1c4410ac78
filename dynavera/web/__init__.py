"""The HTTP server, its limits and its errors, shared by both services."""
