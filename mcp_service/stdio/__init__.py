"""The Model Context Protocol on standard input and output, for desktop clients: a bridge to the service."""
