"""What `make bench-retrieval` runs: how well and how fast passages are found."""
