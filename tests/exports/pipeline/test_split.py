"""The split: by the hash of seed and prompt digest alone, for ever."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotation import canonical
from exports.pipeline.session import Session
from exports.pipeline.stages import database_dsn
from tests import world
from tests.exports.dataset import built, log_inference, rows, vote

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def session(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), Session(database_dsn()) as session:
        yield session


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(-(2**53), 2**53), digest=st.text("0123456789abcdef", min_size=64, max_size=64))
def test_the_database_hashes_as_canonical_does(session, seed, digest):
    (row,) = session.rows(f"SELECT pg_temp.uniform('{seed}', '{digest}') AS share")
    assert row["share"] == canonical.stable_uniform(seed, digest)


RECIPES = st.fixed_dictionaries(
    {
        "consensus": st.sampled_from(["majority", "unanimous", "each"]),
        "merge": st.sampled_from(["comparison", "content"]),
        "sources": st.sampled_from([["human"], ["ai_critic"], ["human", "ai_critic"]]),
        "sample": st.fixed_dictionaries(
            {
                "limit": st.sampled_from([None, 5, 12]),
                "per_prompt": st.sampled_from([None, 1]),
                "seed": st.integers(0, 3),
            }
        ),
        "formats": st.sampled_from([["preference"], ["kto"], ["judgments", "reward"]]),
    }
)


@pytest.fixture
def project(db):
    project = world.project()
    for number in range(20):
        # Every third prompt is asked twice, under another request id.
        log_inference(project, f"r{number}", "One.", "Two.", "Three.", prompt=f"Prompt {number - number % 3 // 2}?")
        for pair in ((0, 1), (1, 2)):
            vote(project, f"r{number}", pair[0], pair=pair)
        vote(project, f"r{number}", 1, source="ai_critic", by="critic")
    return project


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recipe=RECIPES)
def test_a_prompt_never_changes_its_split(project, recipe):
    share = {"test": 0.4, "seed": 3}
    snapshot = built(project, **recipe, split=share)
    for config in recipe["formats"]:
        for split in ("train", "test"):
            for row in rows(snapshot, config, split):
                digest = row.get("prompt_digest") or canonical.digest(row["prompt"])
                assert split == ("test" if canonical.stable_uniform(3, digest) < 0.4 else "train")


def test_a_split_without_rows_has_no_file(project):
    paths = built(project, split={"test": 0.0, "seed": 0}).files.values_list("path", flat=True)
    assert [path for path in paths if "test" in path] == []
    assert "preference/train-00000-of-00001.parquet" in paths
