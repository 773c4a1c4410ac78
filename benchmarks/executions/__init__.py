"""`make bench`: the speed and cost of executions."""
