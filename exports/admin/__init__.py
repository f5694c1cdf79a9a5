"""The admin of what goes out: recipes, snapshots, schedules, webhooks; what they add to projects and the start page."""

from exports.admin import keeping, project, snapshot, webhook

__all__ = ["keeping", "project", "snapshot", "webhook"]
