"""What the workflow does in the outside world."""
