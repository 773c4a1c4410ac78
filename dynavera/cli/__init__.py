"""The command line: a customer of the HTTP API."""
