"""Features: an Arrow schema as `datasets` writes it into a card, so that readers need not guess types. Pure."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

NAMES = {"double": "float64"}


def features_of(schema: pa.Schema) -> list[dict[str, Any]]:
    """The columns as the list under `features` in a card's `dataset_info`."""
    return [_named(column) for column in schema]


def _named(column: pa.Field[Any]) -> dict[str, Any]:
    return {"name": column.name, **_typed(column.type)}


def _typed(type_: pa.DataType) -> dict[str, Any]:
    if isinstance(type_, pa.ListType):
        inner = _typed(type_.value_type)
        return {"list": inner.get("struct") or inner["dtype"]}
    if isinstance(type_, pa.StructType):
        return {"struct": [_named(type_.field(n)) for n in range(type_.num_fields)]}
    return {"dtype": NAMES.get(str(type_), str(type_))}
