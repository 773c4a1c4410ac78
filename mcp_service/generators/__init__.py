"""What writes the answer."""
