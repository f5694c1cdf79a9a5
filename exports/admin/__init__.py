"""The admin of what goes out: recipes and snapshots, and what they add to projects and the start page."""

from exports.admin import project, snapshot

__all__ = ["project", "snapshot"]
