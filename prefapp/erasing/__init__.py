"""Erasing a person from where both can be seen: what a project keeps, and the snapshots that were made of it."""
