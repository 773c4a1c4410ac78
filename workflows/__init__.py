"""The Temporal workflow and its worker."""
