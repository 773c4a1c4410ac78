"""The log as viewers see it: one reader per execution, sockets, and server-sent events."""
