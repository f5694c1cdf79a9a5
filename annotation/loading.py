"""Leases with what belongs to them, as rows of a statement of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import connection, models

from annotation.models import Annotator, Assignment, Candidate, Comparison, Prompt


@dataclass(frozen=True)
class LoadedLease:
    """The columns that are read of a lease's prompt and of its outputs; of the comparison those that never change."""

    prompt: tuple[str, ...]
    output: tuple[str, ...]

    @cached_property
    def _parts(self) -> dict[str, tuple[type[models.Model], tuple[str, ...]]]:
        return {
            "l": (Assignment, tuple(field.attname for field in Assignment._meta.concrete_fields)),
            "c": (Comparison, ("id", "uid", "project_id", "prompt_id", "a_id", "b_id")),
            "p": (Prompt, self.prompt),
            "a": (Candidate, self.output),
            "b": (Candidate, self.output),
        }

    @property
    def columns(self) -> str:
        """The select list: of the lease as `l`, its comparison `c`, prompt `p`, left output `a` and right one `b`."""
        return ", ".join(f"{alias}.{name}" for alias, (_, names) in self._parts.items() for name in names)

    def build(self, annotator: Annotator, values: Sequence[Any]) -> Assignment:
        """The lease of a row of `columns` and what belongs to it, unless the row has nothing of that.

        All other columns are read when they are asked for.
        """
        built: dict[str, Any] = {}
        for alias, (model, names) in self._parts.items():
            if values[0] is not None:
                built[alias] = model.from_db(connection.alias, names, values[: len(names)])
            values = values[len(names) :]
        lease: Assignment = built["l"]
        lease.annotator = annotator
        if "c" in built:
            lease.comparison, lease.left, lease.right = built["c"], built["a"], built["b"]
            lease.comparison.prompt = built["p"]
        return lease
