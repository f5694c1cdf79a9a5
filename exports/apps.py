"""What goes out: recipes, snapshots and the pipeline that builds them."""

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "exports"
