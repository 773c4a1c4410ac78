"""The exceptions of calls to the MCP service."""

from dynavera.contracts.mcp import ServiceRefusal


class McpAway(Exception):
    """The MCP service cannot be reached, broke off, or did not answer in time: trying again can help."""


class McpRefused(Exception):
    """The MCP service refused the call; `refusal` has the reason and whether trying again can help."""

    def __init__(self, refusal: ServiceRefusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal
