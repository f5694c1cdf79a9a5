"""Leases with what belongs to them, as rows of a statement of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import connection, models

from annotation.models import Annotator, Assignment, Candidate, Comparison, Prompt

# To follow a FROM with the leases as `l`.
JOINS = """
JOIN annotation_comparison c ON c.id = l.comparison_id
JOIN annotation_prompt p ON p.id = c.prompt_id
JOIN annotation_candidate a ON a.id = l.left_id
JOIN annotation_candidate b ON b.id = l.right_id
"""


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
        """The select list, by the names of JOINS."""
        return ", ".join(f"{alias}.{name}" for alias, (_, names) in self._parts.items() for name in names)

    def build(self, annotator: Annotator, values: Sequence[Any]) -> Assignment:
        """The lease of a row of `columns` and what belongs to it; other columns are read when they are asked for."""
        built: dict[str, Any] = {}
        for alias, (model, names) in self._parts.items():
            built[alias] = model.from_db(connection.alias, names, values[: len(names)])
            values = values[len(names) :]
        lease: Assignment = built["l"]
        lease.annotator, lease.comparison, lease.left, lease.right = annotator, built["c"], built["a"], built["b"]
        lease.comparison.prompt = built["p"]
        return lease
