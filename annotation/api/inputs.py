"""What a call brings along, checked: the query's parameters and the body. What is not known is refused."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from annotation.api.bodies import has_no_length
from annotation.api.json_types import mistypes, strangers
from annotation.api.problems import Problem, field_errors, pointer, refused_fields
from annotation.intake.content import RFC_3339

Fields = serializers.Serializer[Any]
WHOLE = re.compile(r"-?\d{1,1000}", re.ASCII)


class Nothing(serializers.Serializer[Any]):
    """The query or body of a call that takes none."""


class MomentField(serializers.DateTimeField):
    """A time of a query as RFC 3339 with its offset; without one it would not say when."""

    def to_internal_value(self, value: Any) -> dt.datetime:
        if not RFC_3339.fullmatch(value):
            raise serializers.ValidationError("must be a time with an offset, such as Z or %2B02:00 in a URL")
        moment: dt.datetime = super().to_internal_value(value)
        return moment


class WholeField(serializers.IntegerField):
    """A whole number of a query: digits alone. REST framework's own also takes 1.0, 1_000 and digits of any script."""

    def to_internal_value(self, data: Any) -> int:
        if not WHOLE.fullmatch(data):
            self.fail("invalid")
        return super().to_internal_value(data)


def read_query(request: Request, fields: type[Fields]) -> dict[str, Any]:
    """The query's parameters by those fields; Problem 422 for one that is unknown, repeated or wrong."""
    query = request.query_params
    repeated = [name for name in query if len(query.getlist(name)) > 1]
    if repeated:
        raise Problem(422, "A parameter stands twice in the query.", errors=[(pointer(n), "twice") for n in repeated])
    given = fields(data=query.dict())
    return _checked(given, dict(strangers(given.initial_data, given)))


def read_body(request: Request, fields: type[Fields], *, partial: bool = False) -> dict[str, Any]:
    """The JSON object in the body by those fields; `partial` lets required ones be left out.

    Problem 411 for a body without length, 422 for a field that is unknown or wrong, and one of another JSON type:
    REST framework's fields, made for forms, would read the text "1" as a number.
    """
    given = fields(data=read_object(request), partial=partial)
    return _checked(given, dict(mistypes(given.initial_data, given)))


def read_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body. Problem 411 for a body without length, 422 for another value."""
    if has_no_length(request):
        raise Problem(411, "Send the body with its Content-Length.")
    if not isinstance(request.data, Mapping):
        raise Problem(422, "The body must be a JSON object.", errors=[("", "must be an object")])
    return dict(request.data)


def _checked(given: Fields, wrong: dict[str, str]) -> dict[str, Any]:
    """What the fields make of what they were given. Problem 422 for what is wrong already, or by them."""
    valid = given.is_valid()
    if wrong or not valid:
        raise refused_fields(wrong | {where: what for where, what in field_errors(given.errors) if where not in wrong})
    checked: dict[str, Any] = given.validated_data
    return checked
