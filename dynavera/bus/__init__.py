"""The event bus: from the workers to every API process. It is a shortcut past the log, never the truth."""
