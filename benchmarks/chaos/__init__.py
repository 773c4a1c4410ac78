"""Fault injection: kills, freezes and disconnects every part of an instance, and checks every execution."""
