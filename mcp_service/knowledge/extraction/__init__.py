"""Extracts text and passages from files, in a separate process that a file may crash."""
