"""What schemathesis does not know by itself; loaded by schemathesis.toml."""

from __future__ import annotations

from typing import Any

import schemathesis

LINES = "application/x-ndjson"


@schemathesis.serializer(LINES)
def lines(context: schemathesis.SerializationContext, value: Any) -> bytes:
    return str(value).encode()


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Of a body of lines every text is one; what is none cannot be sent."""
    return case.media_type != LINES or isinstance(case.body, str)
