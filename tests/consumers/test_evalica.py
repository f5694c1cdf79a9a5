"""evalica: fits ratings to `battles` as they are."""

from __future__ import annotations

from pathlib import Path

import datasets
import evalica

WINNERS = {
    "model_a": evalica.Winner.X,
    "model_b": evalica.Winner.Y,
    "tie": evalica.Winner.Draw,
    "both_bad": evalica.Winner.Draw,
}


def test_ratings_follow_the_battles(folder: Path, tmp_path: Path):
    battles = datasets.concatenate_datasets(
        list(datasets.load_dataset(str(folder), "battles", cache_dir=str(tmp_path)).values())
    )
    winners = [WINNERS[winner] for winner in battles["winner"]]
    result = evalica.bradley_terry(battles["model_a"], battles["model_b"], winners)
    # Four in five decided battles went to the model that comes first.
    assert list(result.scores.sort_values(ascending=False).index) == ["aurora 1", "basalt 1", "cedar 1"]
