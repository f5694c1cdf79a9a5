"""The recipe: what to select and how, as a strict schema with every key and default of the contract.

Imports no Django. A key or value that is unknown is refused, never ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from annotation.canonical import whole
from exports.pipeline.formats import FORMATS
from exports.pipeline.write import FileFormat

SourceName = Literal["human", "end_user", "reward_model", "ai_critic", "heuristic"]
Consensus = Literal["majority", "unanimous", "dawid_skene", "each"]
DropRule = Literal[
    "identical", "near_identical", "empty", "prefix", "identity_leak", "too_long", "near_duplicate_across_splits"
]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Whole = Annotated[int, BeforeValidator(whole)]
Seed = Annotated[Whole, Field(ge=-(2**53), le=2**53)]
# What a golden evaluation set is unless its recipe says otherwise: pairs that all judges agree on, none for training.
GOLDEN: dict[str, Any] = {
    "consensus": "unanimous",
    "min_votes": 2,
    "split": {"test": 1.0, "seed": 0},
    "formats": ["golden"],
}
Count = Annotated[Whole, Field(ge=1, le=2**53)]
Share = Annotated[float, Field(ge=0, le=1)]


def _each_once(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("names something twice")
    return values


EACH_ONCE: Any = {"uniqueItems": True}
Texts = Annotated[list[Text], AfterValidator(_each_once), Field(max_length=1000, json_schema_extra=EACH_ONCE)]


def _not_none(values: list[str]) -> list[str]:
    if not values:
        raise ValueError("names none, which nothing could be of; null lets all through")
    return values


# By which something is let through: no list at all is no filter.
Filter = Annotated[
    list[Text],
    AfterValidator(_each_once),
    AfterValidator(_not_none),
    Field(max_length=1000, json_schema_extra=EACH_ONCE | {"minItems": 1}),
]
AT_LEAST_ONE = Field(min_length=1, json_schema_extra=EACH_ONCE)


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Sample(_Strict):
    """How many pairs at most; which ones, the seed says."""

    limit: Count | None = None
    per_prompt: Count | None = None
    per_annotator: Count | None = None
    per_model_pair: Count | None = None
    longer_wins_at_most: Share | None = None
    seed: Seed = 0


class Split(_Strict):
    """The share of prompts that goes to test, by the hash of seed and prompt digest."""

    test: Share = 0.1
    seed: Seed = 0


class RecipeBody(_Strict):
    """Every key of a recipe with its default; those of the kind `golden` are GOLDEN."""

    kind: Literal["dataset", "golden"] = "dataset"
    sources: Annotated[list[SourceName], AfterValidator(_each_once), AT_LEAST_ONE] = ["human"]
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    models: Filter | None = None
    languages: Filter | None = None
    tags: Filter | None = None
    user_id: Text | None = None
    annotators_exclude: Texts = []
    consensus: Consensus = "majority"
    min_votes: Count = 1
    min_agreement: Share = 0.0
    exclude_failed_gold: bool = False
    surplus: bool = False
    merge: Literal["comparison", "content"] = "comparison"
    drop: Annotated[list[DropRule], AfterValidator(_each_once), Field(json_schema_extra=EACH_ONCE)] = [
        "identical",
        "empty",
    ]
    max_chars: Count | None = None
    sample: Sample = Sample()
    split: Split = Split()
    incremental: bool = False
    formats: Annotated[list[str], AfterValidator(_each_once), AT_LEAST_ONE] = ["preference", "judgments"]
    file_format: FileFormat = "parquet"

    @field_validator("formats")
    @classmethod
    def _known(cls, formats: list[str]) -> list[str]:
        for name in formats:
            if name not in FORMATS:
                raise ValueError(f"there is no format {json.dumps(name)}; there are {', '.join(FORMATS)}")
        return formats

    @model_validator(mode="after")
    def _fits_together(self) -> RecipeBody:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("since must be before until")
        if self.kind == "golden" and self.incremental:
            raise ValueError("a golden set is frozen whole: it cannot be incremental")
        if (self.max_chars is not None) != ("too_long" in self.drop):
            raise ValueError('max_chars and "too_long" in drop go together: give both or neither')
        return self


# Keys of a recipe that hold keys of their own.
PARTS: dict[str, type[BaseModel]] = {"sample": Sample, "split": Split}


@dataclass(frozen=True)
class FieldError:
    """What is wrong, and where: a JSON pointer into the recipe ("" for the whole of it)."""

    pointer: str
    detail: str


# In one sentence; a hostile recipe could have a million unknown keys.
ERRORS_SAID = 20
# How many of the first errors also say which keys there are.
KEYS_TOLD = 3


class RecipeError(Exception):
    """A recipe that cannot be taken."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(f"{e.pointer or '/'}: {e.detail}" for e in self.errors[:ERRORS_SAID]))


def parse_recipe(body: Any) -> RecipeBody:
    """The recipe of a JSON value, with the defaults filled in. Raises RecipeError naming every wrong field."""
    if not isinstance(body, Mapping):
        raise RecipeError([FieldError("", "a recipe is a JSON object")])
    if body.get("kind") == "golden":
        body = {**GOLDEN, **body}
    try:
        # Through JSON: strict for numbers and booleans, and yet times are read from strings.
        return RecipeBody.model_validate_json(json.dumps(body))
    except ValidationError as error:
        raise RecipeError(
            [_field_error(n, one["loc"], one["type"], one["msg"]) for n, one in enumerate(error.errors())]
        ) from None


def _field_error(number: int, where: tuple[int | str, ...], kind: str, message: str) -> FieldError:
    pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in where)
    if kind == "extra_forbidden":
        of: type[BaseModel] = PARTS.get(str(where[0]), RecipeBody) if len(where) > 1 else RecipeBody
        there_are = f"; there are {', '.join(of.model_fields)}" if number < KEYS_TOLD else ""
        message = f"there is no such key{there_are}"
    return FieldError(pointer, message.removeprefix("Value error, "))


def resolved(recipe: RecipeBody) -> dict[str, Any]:
    """The recipe as plain JSON with every key, as it stands in the snapshot and its manifest."""
    plain: dict[str, Any] = recipe.model_dump(mode="json")
    if recipe.kind == "dataset":  # as before there were kinds
        del plain["kind"]
    return plain


def recipe_schema() -> dict[str, Any]:
    """The JSON schema of a recipe as it is taken now, whole in itself."""
    schema = RecipeBody.model_json_schema()
    parts = schema.pop("$defs")
    keys = schema["properties"]
    for name, key in keys.items():
        if "$ref" in key:
            keys[name] = parts[key["$ref"].rsplit("/", 1)[1]] | {"default": key["default"]}
    keys["formats"]["items"]["enum"] = list(FORMATS)
    return schema
