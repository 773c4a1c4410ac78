"""The activities of the workflow: everything it does outside Temporal."""
