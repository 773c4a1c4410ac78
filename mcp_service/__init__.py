"""The MCP service: retrieval, prompts and models."""
