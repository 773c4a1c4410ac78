"""Dynavera: AI agents as durable executions."""
