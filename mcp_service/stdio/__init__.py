"""MCP over stdio for desktop clients: a bridge to the service."""
