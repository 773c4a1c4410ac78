"""From a file's bytes to its text and passages, in a process of its own that may die of what it reads."""
