"""`make bench-retrieval`: the quality and speed of retrieval."""
