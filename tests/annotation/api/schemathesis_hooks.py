"""What schemathesis does not know by itself; loaded by schemathesis.toml."""

from __future__ import annotations

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Lines are a text; whatever else is made up goes as the one line that it is."""
    return (value if isinstance(value, str) else json.dumps(value)).encode()


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Close every object, so that a field of an answer that is not told of is found."""
    for schema in raw_schema["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
