"""The routes; each is a signature and one call."""
