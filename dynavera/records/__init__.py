"""The records: tables, queries and migrations. All SQL of the product is here."""
