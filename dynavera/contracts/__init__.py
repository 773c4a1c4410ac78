"""Names and shapes that clients rely on."""
