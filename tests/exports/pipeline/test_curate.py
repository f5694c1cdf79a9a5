"""Consensus and rules, through built snapshots: which pairs there are, with which winner, and why others are not."""

from __future__ import annotations

from collections import Counter

import pytest

from tests import world
from tests.exports.dataset import built, dropped, give_feedback, log_inference, rows, vote

pytestmark = pytest.mark.django_db(transaction=True)

T, B = "tie", "both_bad"


@pytest.fixture
def project(db):
    return world.project()


def cast(project, votes, request_id="r"):
    log_inference(project, request_id, "One.", "Two.")
    for number, says in enumerate(votes):
        vote(project, request_id, says, by=f"annotator{number}")


CASES = {
    "majority": [
        ([0], 0),
        ([0, 0, 1], 0),
        ([1, 0, 1], 1),
        ([0, 0, T], 0),
        ([0, T, T], T),
        ([0, T, B], "no_majority"),
        ([0, 1], "no_majority"),
        ([0, 0, 1, 1, T], "no_majority"),
        ([T, T, B], T),
        ([B, B, 0], B),
    ],
    "unanimous": [
        ([0, 0, 0], 0),
        ([1], 1),
        ([T, T], T),
        ([B], B),
        ([0, 0, 1], "not_unanimous"),
        ([0, T], "not_unanimous"),
        ([T, B], "not_unanimous"),
    ],
}


@pytest.mark.parametrize("consensus", CASES)
def test_consensus(project, consensus):
    for number, (votes, _) in enumerate(CASES[consensus]):
        cast(project, votes, f"r{number}")
    snapshot = built(project, consensus=consensus, formats=["preference", "battles"])
    pairs = {pair["meta_request_id"]: pair for pair in rows(snapshot, "preference")}
    battles = {battle["question_id"]: battle for battle in rows(snapshot, "battles")}
    rules = {row["request_id"]: row["rule"] for row in rows(snapshot, "dropped", "pairs")}
    for number, (votes, outcome) in enumerate(CASES[consensus]):
        request_id = f"r{number}"
        pair, battle = pairs.get(request_id), battles.get(request_id)
        if isinstance(outcome, int):
            expect_winner(pair, votes, outcome)
            assert battle[battle["winner"]] == ("aurora 1", "basalt 1")[outcome]
        else:
            assert pair is None
            assert (battle or {}).get("winner") == (outcome if outcome in (T, B) else None)
        assert rules.get(request_id) == (outcome if outcome in ("no_majority", "not_unanimous") else None)


def expect_winner(pair, votes, winner):
    assert pair["chosen"][0]["content"] == ("One.", "Two.")[winner]
    assert pair["rejected"][0]["content"] == ("Two.", "One.")[winner]
    assert pair["meta_votes_chosen"] == votes.count(winner)
    assert pair["meta_votes_rejected"] == votes.count(1 - winner)
    assert (pair["meta_votes_tie"], pair["meta_votes_both_bad"]) == (votes.count(T), votes.count(B))
    assert pair["meta_agreement"] == votes.count(winner) / len(votes)


def test_each_makes_every_vote_a_pair_with_the_counts_of_all(project):
    cast(project, [0, 1, 0, T])
    snapshot = built(project, consensus="each", formats=["preference", "battles"])
    pairs = rows(snapshot, "preference")
    told = sorted((p["chosen"][0]["content"], p["meta_votes_chosen"], p["meta_agreement"]) for p in pairs)
    assert told == [("One.", 2, 0.5), ("One.", 2, 0.5), ("Two.", 1, 0.25)]
    assert len({pair["meta_pair_id"] for pair in pairs}) == 3
    judged = sorted((battle["judge"], battle["winner"] == "tie") for battle in rows(snapshot, "battles"))
    assert judged == [("annotator0", False), ("annotator1", False), ("annotator2", False), ("annotator3", True)]


@pytest.mark.parametrize(
    ("recipe", "rule"),
    [
        ({"min_votes": 3}, None),
        ({"min_votes": 4}, "min_votes"),
        ({"min_agreement": 0.66}, None),
        ({"min_agreement": 0.67}, "min_agreement"),
    ],
)
def test_minimum_votes_and_agreement(project, recipe, rule):
    cast(project, [0, 0, 1])
    snapshot = built(project, formats=["preference"], **recipe)
    assert len(rows(snapshot, "preference")) == (rule is None)
    assert dropped(snapshot) == ({rule: 1} if rule else {})


OUTPUTS = {
    "same": ("Same.", "Same."),
    "empty": ("", "Two."),
    "blank": ("One.", " \n\t\u3000\u200b"),
    "late": ("One.", " " * 100 + "x"),
    "prefix": ("Yes", "Yes, because."),
    "other_way": ("No, because.", "No"),
    "unlike": ("No", "Yes, because."),
    "alike": ("It is *2*.", "it is  “2”"),
    "code": ("x != y", "x = y"),
    "leak": ("I am ChatGPT, trained by OpenAI.", "Robbe"),
    "own_name": ("A seal.", "My name is Basalt."),
    "other_name": ("Claude Monet painted it.", "Google made Android."),
}


@pytest.mark.parametrize(
    ("drop", "expected"),
    [
        ([], {}),
        (["identical"], {"same": "identical"}),
        (["empty"], {"empty": "empty", "blank": "empty"}),
        (["prefix"], {"prefix": "prefix", "other_way": "prefix", "empty": "prefix"}),
        (["near_identical"], {"same": "near_identical", "alike": "near_identical"}),
        (["identical", "near_identical"], {"same": "identical", "alike": "near_identical"}),
        (["identity_leak"], {"leak": "identity_leak", "own_name": "identity_leak"}),
        (["prefix", "empty"], {"prefix": "prefix", "other_way": "prefix", "empty": "empty", "blank": "empty"}),
    ],
)
def test_rules_that_look_at_the_outputs(project, drop, expected):
    for request_id, outputs in OUTPUTS.items():
        log_inference(project, request_id, *outputs)
        vote(project, request_id, 0)
    snapshot = built(project, drop=drop, formats=["preference"])
    told = {row["request_id"]: row["rule"] for row in rows(snapshot, "dropped", "pairs")}
    assert told == expected
    assert {row["meta_request_id"] for row in rows(snapshot, "preference")} == set(OUTPUTS) - set(expected)
    assert snapshot.manifest["counts"]["curated"]["dropped"] == Counter(expected.values())


@pytest.mark.parametrize(
    ("output", "leaks"),
    [
        ("As ChatGPT, a large language model trained by OpenAI, I cannot.", True),
        ("As an AI language model developed by OpenAI, I can't help.", True),
        ("As a large language model, trained by Google, I cannot.", True),
        ("As Claude, I try to be helpful.", True),
        ("I’m a large language model, trained by Google.", True),
        ("My name is Gemini.", True),
        ("I was made by Anthropic.", True),
        ("As a Gemini, you were born in June.", False),
        ("It is as good as Claude in most respects.", False),
        ("As a model of the economy it is coarse. OpenAI publishes others.", False),
        ("ChatGPT is made by OpenAI.", False),
    ],
)
def test_an_output_that_says_who_it_is(project, output, leaks):
    log_inference(project, "r", output, "Another answer.")
    vote(project, "r", 0)
    snapshot = built(project, drop=["identity_leak"], formats=["preference"])
    assert dropped(snapshot) == ({"identity_leak": 1} if leaks else {})


IN_MESSAGES = [{"role": "system", "content": "Five!"}, {"role": "user", "content": "Five?"}]


@pytest.mark.parametrize("prompt", ["Ten chars?", IN_MESSAGES])
def test_too_long_counts_the_prompt_and_the_longer_output_in_characters(project, prompt):
    log_inference(project, "r", "Seal 🦭!", "Robbe", prompt=prompt)
    vote(project, "r", 0)
    kept = [
        len(rows(built(project, drop=["too_long"], max_chars=most, formats=["preference"]), "preference"))
        for most in (17, 16)
    ]
    assert kept == [1, 0]


def test_a_pair_with_an_image_leaves_and_is_still_judged(project):
    image = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "data:,"}}],
        }
    ]
    log_inference(project, "r", "A seal.", "A dog.", prompt=image)
    vote(project, "r", 0)
    snapshot = built(project, formats=["preference", "battles", "judgments"])
    assert dropped(snapshot) == {"multimodal": 1}
    assert [len(rows(snapshot, config)) for config in ("preference", "battles", "judgments")] == [0, 0, 1]


def test_votes_of_several_sources_are_pooled_and_named(project):
    log_inference(project, "r", "One.", "Two.")
    vote(project, "r", 0, by="alice")
    vote(project, "r", 0, by="rm", source="reward_model")
    (human,) = rows(built(project, formats=["preference"]), "preference")
    assert (human["meta_source"], human["meta_votes_chosen"]) == ("human", 1)
    (both,) = rows(built(project, sources=["reward_model", "human"], formats=["preference"]), "preference")
    assert (both["meta_source"], both["meta_votes_chosen"]) == ("human+reward_model", 2)
    assert both["meta_pair_id"] == human["meta_pair_id"]


def test_merge_by_content_pools_equal_pairs_of_different_requests(project):
    log_inference(project, "r1", "One.", "Two.", prompt="What?")
    log_inference(project, "r2", "Two.", "One.", prompt="What?")
    log_inference(project, "r3", "One.", "Two.", prompt="Who?")
    vote(project, "r1", 0)
    vote(project, "r2", 1)
    vote(project, "r3", 0)
    apart = rows(built(project, formats=["preference"]), "preference")
    assert [pair["meta_votes_chosen"] for pair in apart] == [1, 1, 1]
    assert len({pair["meta_pair_id"] for pair in apart}) == 3
    merged = rows(built(project, merge="content", formats=["preference"]), "preference")
    told = [(pair["meta_request_id"], pair["chosen"][0]["content"], pair["meta_votes_chosen"]) for pair in merged]
    assert told == [("r1", "One.", 2), ("r3", "One.", 1)]


def test_equal_outputs_of_one_ranking_are_told_apart(project):
    log_inference(project, "r", "One.", "One.", "Two.")
    give_feedback(project, "r", "ranking", ranking=[["r-0"], ["r-1"], ["r-2"]])
    snapshot = built(project, consensus="each", merge="content", formats=["preference", "judgments"])
    pairs = rows(snapshot, "preference")
    assert len({pair["meta_pair_id"] for pair in pairs}) == len(pairs) == 3
    assert [row["chosen"] for row in rows(snapshot, "judgments")] == ["r-0", "r-0", "r-1"]
    (merged,) = rows(built(project, merge="content", drop=["identical"], formats=["preference"]), "preference")
    assert merged["meta_votes_chosen"] == 2


def test_margins_come_from_scores_or_strengths(project):
    for request_id in ("scored", "strong", "plain"):
        log_inference(project, request_id, "One.", "Two.")
    give_feedback(
        project, "scored", "score", by="rm", source="reward_model", scores={"scored-0": 0.25, "scored-1": 0.75}
    )
    vote(project, "strong", 0, by="alice", strength=3)
    vote(project, "strong", 0, by="bob", strength=2)
    vote(project, "strong", 1, by="lena", strength=3)
    vote(project, "plain", 1)
    snapshot = built(project, sources=["human", "reward_model"], formats=["reward"])
    reward = {row["meta_request_id"]: row for row in rows(snapshot, "reward")}
    assert reward["scored"]["margin"] == 0.5
    assert (reward["scored"]["meta_chosen_score"], reward["scored"]["meta_rejected_score"]) == (0.75, 0.25)
    assert reward["strong"]["margin"] == pytest.approx(5 / 6)
    assert reward["plain"]["margin"] == pytest.approx(1 / 3)
    assert reward["plain"]["meta_chosen_score"] is None


def test_scores_at_the_ends_of_a_double_have_a_margin_too(project):
    log_inference(project, "far", "One.", "Two.")
    give_feedback(project, "far", "score", by="critic", source="ai_critic", scores={"far-0": 1.5e308, "far-1": -1e308})
    (row,) = rows(built(project, sources=["ai_critic"], formats=["reward"]), "reward")
    assert row["margin"] == pytest.approx(1.78e308)


def rate(project, output, *values):
    for number, value in enumerate(values):
        request_id = output.split("-")[0]
        by = f"user{number}"
        give_feedback(project, request_id, "rating", output=output, value=value, by=by, source="end_user")


RATINGS = {
    "good": (1,),
    "split": (1, -1),
    "mostly": (0.5, 1, -1),
    "bad": (-0.2, -1),
    "neutral": (0,),
    "blank": (1,),
}


@pytest.mark.parametrize("consensus", ["majority", "dawid_skene", "each"])
def test_ratings_become_single_rows_of_kto(project, consensus):
    for name, values in RATINGS.items():
        log_inference(project, name, "  " if name == "blank" else f"Output {name}.")
        rate(project, f"{name}-0", *values)
    log_inference(project, "pair", "One.", "Two.")
    vote(project, "pair", 0)
    recipe = {"sources": ["human", "end_user"], "consensus": consensus, "drop": ["empty", "prefix", "near_identical"]}
    snapshot = built(project, **recipe, formats=["kto", "preference", "judgments"])
    assert len(rows(snapshot, "preference")) == 1
    kto = [row for row in rows(snapshot, "kto") if row["meta_origin"] == "rating"]
    told = Counter((row["completion"][0]["content"].split()[-1], row["label"]) for row in kto)
    if consensus == "each":
        assert told == {
            ("good.", True): 1,
            ("split.", True): 1,
            ("split.", False): 1,
            ("mostly.", True): 2,
            ("mostly.", False): 1,
            ("bad.", False): 2,
        }
        assert dropped(snapshot) == {"neutral": 1, "empty": 1}
    else:
        assert told == {("good.", True): 1, ("mostly.", True): 1, ("bad.", False): 1}
        assert dropped(snapshot) == {"no_majority": 1, "neutral": 1, "empty": 1}
        (mostly,) = [row for row in kto if row["completion"][0]["content"] == "Output mostly."]
        assert (mostly["meta_votes_chosen"], mostly["meta_votes_rejected"], mostly["meta_agreement"]) == (2, 1, 2 / 3)
        assert mostly["meta_chosen_score"] == pytest.approx(0.5 / 3)
    judgments = [row for row in rows(snapshot, "judgments") if row["outcome"] == "rated"]
    assert sorted(row["value"] for row in judgments) == sorted(value for told in RATINGS.values() for value in told)
    assert {len(row["outputs"]) for row in judgments} == {1}
    assert snapshot.manifest["counts"]["selected"]["rated_outputs"] == len(RATINGS)


def test_a_rating_is_no_vote_on_two_equal_outputs(project):
    log_inference(project, "r", "Same.", "Same.")
    vote(project, "r", 0, by="alice")
    rate(project, "r-0", 1)
    recipe = {"sources": ["human", "end_user"], "merge": "content", "formats": ["kto", "preference"]}
    snapshot = built(project, **recipe)
    assert [row["meta_votes_chosen"] for row in rows(snapshot, "preference")] == [1]
    assert Counter(row["meta_origin"] for row in rows(snapshot, "kto")) == {"pair": 2, "rating": 1}


def test_an_edit_is_a_pair_whose_chosen_output_is_the_edited_one(project):
    log_inference(project, "r", "Teh seal.")
    give_feedback(project, "r", "edit", output="r-0", edited="The seal.", by="u", source="end_user")
    snapshot = built(project, sources=["end_user"], formats=["preference", "battles", "judgments"])
    (pair,) = rows(snapshot, "preference")
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == ("The seal.", "Teh seal.")
    assert (pair["meta_chosen_model"], pair["meta_rejected_model"]) == ("", "aurora 1")
    assert rows(snapshot, "battles") == []
    assert dropped(snapshot) == {"edited": 1}


def test_dawid_and_skene_follow_the_judges_who_agree_with_the_others(project):
    for number in range(12):
        truth = number % 2
        log_inference(project, f"r{number}", "One.", "Two.")
        for judge, says in {"ann": truth, "bea": truth, "cy": 1 - truth, "dan": 1 - truth, "eli": truth}.items():
            if number > 0 or judge in ("ann", "cy", "dan"):
                vote(project, f"r{number}", says, by=judge)
    told = {}
    for consensus in ("majority", "dawid_skene"):
        pairs = rows(built(project, consensus=consensus, formats=["preference"]), "preference")
        told[consensus] = {pair["meta_request_id"]: pair["chosen"][0]["content"] for pair in pairs}
    assert told["dawid_skene"] == {f"r{n}": ("One.", "Two.")[n % 2] for n in range(12)}
    assert told["majority"] == told["dawid_skene"] | {"r0": "Two."}


def test_dawid_and_skene_do_not_decide_between_equals(project):
    cast(project, [0, 1])
    snapshot = built(project, consensus="dawid_skene", formats=["preference"])
    assert dropped(snapshot) == {"no_majority": 1}
    nothing = built(project, consensus="dawid_skene", sources=["heuristic"], formats=["preference"])
    assert nothing.rows == 0


def test_train_prompts_that_are_nearly_test_prompts_are_dropped(project):
    asked = {}
    for number in range(30):
        words = [f"{word} {chr(97 + number % 26)}{chr(97 + number // 26)}" for word in ("seal", "otter", "walrus")]
        asked[f"r{number}"] = f"Tell me of {', '.join(words)} and of nothing else that swims."
        asked[f"like{number}"] = asked[f"r{number}"].upper().replace(",", " ,")
        asked[f"unlike{number}"] = asked[f"r{number}"].replace("and of nothing", f"in {number} words, without")
    for request_id, prompt in asked.items():
        log_inference(project, request_id, "One.", "Two.", prompt=prompt)
        vote(project, request_id, 0)
    split = {"test": 0.3, "seed": 4}
    recipe = {"split": split, "formats": ["preference"], "drop": ["near_duplicate_across_splits"]}
    snapshot = built(project, **recipe)

    def of(split):
        return {row["meta_request_id"] for row in rows(snapshot, "preference", split)}

    whole = built(project, **recipe | {"drop": []})
    in_test = {row["meta_request_id"] for row in rows(whole, "preference", "test")}
    gone = {row["request_id"]: row["rule"] for row in rows(snapshot, "dropped", "pairs")}
    twins = {f"r{n}" for n in range(30)} & in_test ^ {f"r{n}" for n in range(30) if f"like{n}" in in_test}
    expected = {({f"r{name.removeprefix('r')}", f"like{name.removeprefix('r')}"} - in_test).pop() for name in twins}
    assert len(expected) > 5
    assert gone == dict.fromkeys(expected, "near_duplicate_across_splits")
    assert of("test") == in_test
    assert of("train") == set(asked) - in_test - expected
