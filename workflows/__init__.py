"""What Temporal keeps alive: the workflow and its worker."""
