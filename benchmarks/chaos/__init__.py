"""Kills, freezes and cuts off every part of a whole instance, and counts what that cost."""
