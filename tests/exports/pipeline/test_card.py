"""The dataset card: right for `datasets`, and harmless whatever models and guidelines are called."""

from __future__ import annotations

import yaml

from exports.pipeline.card import make_card
from exports.pipeline.manifest import Collection, Origin
from exports.pipeline.write import WrittenFile

COUNTS = {
    "selected": {"judgments": 1_200, "pairs": 1_100, "prompts": 1_000, "judges": 3},
    "curated": {
        "pairs": 1_090,
        "decided": 1_000,
        "ties": 80,
        "both_bad": 10,
        "rated_outputs": 0,
        "dropped": {"identical": 10},
    },
    "sampled": {"pairs": 1_090, "decided": 1_000},
    "split": {"train_prompts": 900, "test_prompts": 100},
    "measured": {
        "agreement": {"pairs": 200, "agreement": 0.875},
        "sides": {"votes": 1_000, "left_won": 520},
        "labels": {"true": 1_200, "false": 900},
        "lengths": {"pairs": 990, "longer_won": 660},
        "characters": {"prompt": {"p50": 40, "p90": 90, "p99": 1_200, "p100": 3_000}},
    },
}
FILES = [
    WrittenFile("battles/train-00000-of-00001.parquet", 10, "", rows=900),
    WrittenFile("preference/train-00000-of-00002.parquet", 10, "", rows=600),
    WrittenFile("preference/train-00001-of-00002.parquet", 10, "", rows=300),
    WrittenFile("preference/test-00000-of-00001.parquet", 10, "", rows=100),
    WrittenFile("dropped/pairs-00000-of-00001.parquet", 10, "", rows=10),
]
HOSTILE = "`</script>\n---\n# Not a heading"


def card(files=FILES, models=("aurora 1",), guidelines="Be *fair*."):
    formats = ["kto", "preference", "battles"]
    origin = Origin("demo", 4, None, 812, "ab" * 32, {"formats": formats, "file_format": "parquet"}, None)
    collection = Collection(
        settings={"scale": "plain", "overlap": 2},
        guidelines=[{"version": 3, "text": guidelines, "judgments": 1_200}],
        sources=[{"source_type": "human", "judgments": 1_200, "judges": 3}],
        models=[{"model": model, "outputs": 5} for model in models],
    )
    return make_card(origin, collection, COUNTS, files).decode()


def metadata(text):
    _, head, _ = text.split("---\n", 2)
    return yaml.safe_load(head)


def test_configs_with_rows_are_listed_the_first_of_them_as_default():
    assert metadata(card())["configs"] == [
        {
            "config_name": "preference",
            "default": True,
            "data_files": [
                {"split": "train", "path": "preference/train-*.parquet"},
                {"split": "test", "path": "preference/test-*.parquet"},
            ],
        },
        {"config_name": "battles", "data_files": [{"split": "train", "path": "battles/train-*.parquet"}]},
    ]


def test_without_rows_there_are_no_configs():
    told = card(files=[])
    assert "configs" not in metadata(told)
    assert "not loadable: `kto`, `preference`, `battles`" in told


def test_sizes_and_the_way_it_was_made_are_told():
    told = card()
    assert metadata(told)["size_categories"] == ["1K<n<10K"]
    for line in (
        "| `preference` | 900 | 100 |",
        "- human: 1,200 judgments by 3 judges",
        "- answer scale `plain`, 2 judgments wanted for each comparison",
        "- dropped by `identical`: 10 pairs",
        "### Guidelines, version 3 (1,200 judgments)\n\n> Be *fair*.",
    ):
        assert line in told


def test_names_and_guidelines_cannot_break_out():
    lines = card(models=[HOSTILE], guidelines=HOSTILE).splitlines()
    assert lines.count("---") == 2
    assert "# Not a heading" not in lines
    assert "> # Not a heading" in lines
    assert "- 1 model: `'</script> --- # Not a heading`" in lines


def test_what_was_measured_is_told():
    told = card().split("## What was measured\n\n")[1].split("\n\n##")[0].splitlines()
    assert told == [
        "- agreement on 200 pairs with several votes: 87.5% of the votes on a pair",
        "- the left output was chosen in 52.0% of 1,000 votes",
        "- the longer output won in 66.7% of 990 pairs",
        "- `kto`: 1,200 true and 900 false; with `undesirable_weight=1.0` take a `desirable_weight` from 0.75 to 1.00",
        "",
        "| characters | half up to | 90 % | 99 % | longest |",
        "|---|---|---|---|---|",
        "| prompt | 40 | 90 | 1,200 | 3,000 |",
    ]
