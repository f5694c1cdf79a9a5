"""What REST framework lets pass: its fields were made for forms, where everything is a text and more is no harm."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rest_framework import serializers

from annotation.api.problems import pointer
from annotation.canonical import whole

AnyField = serializers.Field[Any, Any, Any, Any]

# By kind of field: its values as JSON is read, and how people call them. True and false are no numbers.
TYPES: list[tuple[tuple[type[AnyField], ...], tuple[type, ...], str]] = [
    ((serializers.BooleanField,), (bool,), "must be true or false"),
    ((serializers.IntegerField,), (int,), "must be an integer"),
    ((serializers.FloatField,), (int, float), "must be a number"),
    ((serializers.ListField,), (list,), "must be a list"),
    ((serializers.DictField, serializers.BaseSerializer), (dict,), "must be an object"),
    ((serializers.Field,), (str,), "must be a string"),
]


def mistypes(value: object, field: AnyField, *path: str | int) -> Iterator[tuple[str, str]]:
    """The pointer and reason of everything in a JSON value that is of another type than its field wants, or unknown.

    null is left to the field.
    """
    if value is None or isinstance(field, serializers.JSONField):
        return
    types, reason = next((types, reason) for kinds, types, reason in TYPES if isinstance(field, kinds))
    if type(whole(value)) not in types:
        yield pointer(*path), reason
    elif isinstance(field, serializers.Serializer) and isinstance(value, dict):
        yield from strangers(value, field, *path)
        for name, known in field.fields.items():
            yield from mistypes(value.get(name), known, *path, name)
    elif isinstance(field, serializers.ListField) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from mistypes(item, field.child, *path, index)


def strangers(names: Iterable[str], fields: serializers.Serializer[Any], *path: str | int) -> Iterator[tuple[str, str]]:
    """The pointer and reason of names that are no fields."""
    there = f"there are {', '.join(fields.fields)}" if fields.fields else "there are none"
    for name in sorted(set(names) - set(fields.fields)):
        yield pointer(*path, name), f"unknown; {there}"
