"""Whose votes an analysis is about, as a query says it, and answers that are kept for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

from django.core.cache import cache
from rest_framework import serializers

from annotation.api.inputs import MomentField
from annotation.models import Project, SourceType
from annotation.votes import Asked

SLOW_SECONDS = 0.5
KEPT_SECONDS = 60

# End users are no annotators, and their ids are nobody's business.
OF_JUDGES = [choice for choice in SourceType.choices if choice[0] != SourceType.END_USER]


class AskedParameters(serializers.Serializer[Any]):
    """Whose votes count, and of which time."""

    # The stubs take it for Field.source; to REST framework a declared field of that name is like any other.
    source = serializers.ChoiceField(  # type: ignore[assignment]
        SourceType.choices, default=SourceType.HUMAN.value, help_text="Type of the source."
    )
    since = MomentField(required=False, help_text="Judged at this time or later.")
    until = MomentField(required=False, help_text="Judged before this time.")


class OfJudgesParameters(AskedParameters):
    """The same for what is told of each judge."""

    source = serializers.ChoiceField(OF_JUDGES, default=SourceType.HUMAN.value, help_text="Type of the source.")


def asked(query: dict[str, Any]) -> Asked:
    """What a query by AskedParameters asks for."""
    return Asked(query["source"], query.get("since"), query.get("until"))


def kept(project: Project, name: str, query: dict[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """An answer that reads votes: as they are now or, where that takes SLOW_SECONDS, up to KEPT_SECONDS old."""
    key = f"{name}:{project.uid}:{sorted((key, str(value)) for key, value in query.items())}".replace(" ", "")
    known = cast("dict[str, Any] | None", cache.get(key))
    if known is None:
        began = time.monotonic()
        known = make()
        if time.monotonic() - began > SLOW_SECONDS:
            cache.set(key, known, KEPT_SECONDS)
    return known
