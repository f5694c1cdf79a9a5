"""Search by ids alone: exact or by their beginning, through the indexes. Texts are not searched."""

from __future__ import annotations

import string
import uuid
from collections.abc import Sequence

from django.db.models import Model, Q, UUIDField

# More matches than this in a related table and the term was too short to mean one of them.
RELATED_MATCHES = 100


def find(model: type[Model], paths: Sequence[str], term: str, projects: Sequence[int] | None) -> Q:
    """Rows whose id at one of the paths begins with the term; a path of two parts looks in a related table.

    `projects` limits the look into related tables to those projects; None means all.
    """
    found = Q(pk=None)
    for path in paths:
        relation, _, name = path.rpartition("__")
        if not relation:
            found |= _begins(model, name, term)
            continue
        related: type[Model] = getattr(model, relation).field.related_model
        matches = related._default_manager.filter(_begins(related, name, term))
        if projects is not None and any(field.name == "project" for field in related._meta.fields):
            matches = matches.filter(project__in=projects)
        # As a list: each of the conditions then has an index of its own to go by.
        found |= Q((f"{relation}__in", list(matches.values_list("pk", flat=True)[:RELATED_MATCHES])))
    return found


def _begins(model: type[Model], name: str, term: str) -> Q:
    if not isinstance(model._meta.get_field(name), UUIDField):
        return Q((f"{name}__startswith", term))
    digits = term.replace("-", "").lower()
    if not digits or len(digits) > 32 or not set(digits) <= set(string.hexdigits):
        return Q(pk=None)
    return Q((f"{name}__range", (uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f")))))
