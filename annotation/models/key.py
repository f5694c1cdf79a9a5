"""API keys: what a program or a web page may do in one project. Written by annotation.keys."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from annotation.models.project import Project

MOST_REQUESTS = 1_000_000


class ApiKey(models.Model):
    """Access to one project. Only the SHA-256 of the key is stored (it has 256 random bits).

    A browser key stands in a web page, so everybody who opens the page has it: it holds no scope, and all that it may
    do is send feedback of end users from its own origins.
    """

    class Kind(models.TextChoices):
        SERVER = "server", "Server: kept secret by a program"
        BROWSER = "browser", "Browser: stands in a web page, sends feedback of end users and nothing else"

    class Scope(models.TextChoices):
        INGEST = "ingest", "Ingest: write inferences and feedback"
        ANNOTATE = "annotate", "Annotate: draw from the queue"
        READ = "read", "Read"
        MANAGE = "manage", "Manage: everything"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.SERVER)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope.choices))
    origins = ArrayField(
        models.CharField(max_length=300), default=list, blank=True, help_text="Where pages with a browser key live."
    )
    rate_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="Requests a minute; empty means as many as they like."
    )
    hash = models.CharField(max_length=64, unique=True)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by", editable=False,
        help_text="The key that this one was made from by rotation.",
    )  # fmt: skip
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="When it ends by itself; empty means never.")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(kind="server", origins=[]) & ~Q(scopes=[]))
                | (Q(kind="browser", scopes=[], rate_limit__isnull=False) & ~Q(origins=[])),
                name="apikey_browser_keys_are_narrow",
            ),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=["ingest", "annotate", "read", "manage"]),
                name="apikey_scopes_are_known",
            ),
            models.CheckConstraint(
                condition=Q(rate_limit=None) | Q(rate_limit__range=(1, MOST_REQUESTS)), name="apikey_rate_limit_holds"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(self.scopes) or 'browser'})"
