"""`llamafactory`: LLaMA-Factory's ShareGPT preference form, with the dataset_info.json that registers the files."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa

from exports.pipeline.formats.format import (
    Column,
    Filter,
    Format,
    Rows,
    lists,
    meta,
    pair_schema,
    regroup,
)

TURN = pa.struct([pa.field("from", pa.string()), pa.field("value", pa.string())])
SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}


def _fits(prompt: list[str], chosen: list[str], rejected: list[str]) -> bool:
    """An optional system message, then human and gpt in turn with the last word human, and one answer each."""
    turns = prompt[1:] if prompt[:1] == ["system"] else prompt
    in_turn = all(role == ("user", "assistant")[place % 2] for place, role in enumerate(turns))
    return len(turns) % 2 == 1 and in_turn and chosen == rejected == ["assistant"]


def _in_turn(pairs: pa.RecordBatch) -> Column:
    roles = (pairs[f"{part}_roles"].to_pylist() for part in ("prompt", "x", "y"))
    fits = [_fits(p or [], x or [], y or []) for p, x, y in zip(*roles, strict=True)]
    return pa.array(fits, pa.bool_())


def _convert(pairs: pa.RecordBatch) -> list[Column]:
    roles, texts = lists(pairs, "prompt_roles"), lists(pairs, "prompt_texts")
    speakers = pa.array([SPEAKERS[role] for role in roles.flatten().to_pylist() if role], pa.string())
    turns = pa.StructArray.from_arrays([speakers, texts.flatten()], fields=list(TURN))
    return [regroup(roles, turns), _answer(pairs, "x"), _answer(pairs, "y"), *meta(pairs)]


def _answer(pairs: pa.RecordBatch, of: str) -> Column:
    speaker = pa.array(["gpt"] * pairs.num_rows, pa.string())
    return pa.StructArray.from_arrays([speaker, lists(pairs, f"{of}_texts").flatten()], fields=list(TURN))


def _dataset_info(names: Sequence[str]) -> bytes:
    """Registers each data file under its own name: LLaMA-Factory takes one file, not a pattern, as a data set."""
    form = {
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
    }
    entries = {name.split(".")[0]: {"file_name": name, **form} for name in names}
    return json.dumps(entries, indent=2).encode() + b"\n"


LLAMAFACTORY = Format(
    name="llamafactory",
    about="The pairs as LLaMA-Factory reads them (`dataset_dir` is the folder `llamafactory`); conversations in which "
    "user and assistant do not take turns are left out.",
    rows=Rows.DECIDED,
    schema=pair_schema(("conversations", pa.list_(TURN)), ("chosen", TURN), ("rejected", TURN)),
    convert=_convert,
    only=Filter("not_in_turn", _in_turn),
    side_files={"dataset_info.json": _dataset_info},
)
