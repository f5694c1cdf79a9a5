"""Snapshots over the API: asked for, listed, followed, previewed, cancelled, downloaded."""
