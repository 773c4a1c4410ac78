"""The knowledge base: ingestion, indexes and retrieval."""
