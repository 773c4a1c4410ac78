"""The records: tables, queries and migrations; the only SQL of the product."""
