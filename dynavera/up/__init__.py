"""`dynavera up`: one process that starts, supervises and stops all processes of an instance on one machine."""
