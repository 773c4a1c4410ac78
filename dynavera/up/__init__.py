"""Everything one machine needs, started, watched and stopped by one process: `dynavera up`."""
