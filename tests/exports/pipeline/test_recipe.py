"""The recipe: every key has its default, and what is not honoured is refused by name."""

from __future__ import annotations

import pytest

from exports.pipeline.recipe import RecipeError, parse_recipe, recipe_schema, resolved

DEFAULTS = {
    "sources": ["human"], "since": None, "until": None, "models": None, "languages": None, "tags": None,
    "user_id": None, "annotators_exclude": [], "consensus": "majority", "min_votes": 1, "min_agreement": 0.0,
    "exclude_failed_gold": False, "surplus": False, "merge": "comparison", "drop": ["identical", "empty"],
    "max_chars": None,
    "sample": {"limit": None, "per_prompt": None, "per_annotator": None, "per_model_pair": None,
               "longer_wins_at_most": None, "seed": 0},
    "split": {"test": 0.1, "seed": 0}, "incremental": False, "formats": ["preference", "judgments"],
    "file_format": "parquet",
}  # fmt: skip


def refusal(recipe: object) -> list[tuple[str, str]]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(recipe)
    return [(error.pointer, error.detail) for error in caught.value.errors]


def test_an_empty_recipe_is_the_defaults_of_the_contract():
    assert resolved(parse_recipe({})) == DEFAULTS


def test_a_resolved_recipe_is_a_recipe_again():
    given = {"since": "2026-05-01T10:00:00+02:00", "models": ["aurora"], "drop": ["too_long"], "max_chars": 10}
    once = resolved(parse_recipe(given))
    assert resolved(parse_recipe(once)) == once


@pytest.mark.parametrize(
    ("recipe", "pointer"),
    [
        ({"source": ["human"]}, "/source"),
        ({"sample": {"limits": 1}}, "/sample/limits"),
        ({"split": {"test": 0.1, "se/ed": 1}}, "/split/se~1ed"),
        ({"sources": ["god"]}, "/sources/0"),
        ({"sources": []}, "/sources"),
        ({"sources": ["human", "human"]}, "/sources"),
        *(({name: []}, f"/{name}") for name in ("models", "languages", "tags")),
        ({"min_votes": "2"}, "/min_votes"),
        ({"min_votes": True}, "/min_votes"),
        ({"min_votes": 0}, "/min_votes"),
        ({"min_agreement": 1.1}, "/min_agreement"),
        ({"split": {"test": 1.1}}, "/split/test"),
        ({"since": "2026-05-01T10:00:00"}, "/since"),
        ({"since": "yesterday"}, "/since"),
        ({"formats": ["csv"]}, "/formats"),
        ({"formats": []}, "/formats"),
        ({"drop": ["max_chars"]}, "/drop/0"),
        ({"max_chars": 10}, ""),
        ({"drop": ["too_long"]}, ""),
        ({"since": "2026-05-02T00:00:00Z", "until": "2026-05-01T00:00:00Z"}, ""),
        ([], ""),
        ("dpo", ""),
    ],
)
def test_what_is_wrong_is_named(recipe, pointer):
    assert [where for where, _ in refusal(recipe)] == [pointer]


def test_an_unknown_key_is_told_which_there_are():
    for recipe, expected in (({"source": ["human"]}, "sources, since"), ({"split": {"tset": 0.1}}, "test, seed")):
        ((_, detail),) = refusal(recipe)
        assert expected in detail


def test_a_filter_without_values_is_told_from_none():
    assert refusal({"models": []}) == [("/models", "names none, which nothing could be of; null lets all through")]
    assert parse_recipe({"models": None}).models is None


def test_the_schema_offers_only_what_is_taken():
    keys = recipe_schema()["properties"]
    assert {name: key["default"] for name, key in keys.items()} == {"kind": "dataset"} | DEFAULTS
    for consensus in keys["consensus"]["enum"]:
        parse_recipe({"consensus": consensus})
    for rule in keys["drop"]["items"]["enum"]:
        parse_recipe({"drop": [rule], "max_chars": 1 if rule == "too_long" else None})
    for name in keys["formats"]["items"]["enum"]:
        parse_recipe({"formats": [name]})
