"""The data types that clients rely on."""
