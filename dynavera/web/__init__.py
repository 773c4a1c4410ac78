"""What both HTTP services share: the server, and the limits on what clients may ask of it."""
