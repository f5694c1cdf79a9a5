"""What is sent and told of comparisons."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Q
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from annotation.api.pagination import PageParameters
from annotation.models import Comparison, Project
from annotation.pairing import LIMITS, MOST_MODELS
from annotation.pairing.walking import PAIRS_OF_A_CALL, PROMPTS_OF_A_CALL

DEFAULT_LIMIT, MAX_LIMIT = 100, 1_000

Strategy = Project.Pairing
STRATEGIES = [choice for choice in Strategy.choices if choice[0] != Strategy.NONE]
DRAWN = {Strategy.RANDOM, Strategy.ROUND_ROBIN, Strategy.INFORMATIVE}
# Which strategies a parameter says something to; elsewhere it would be ignored.
PARAMETERS = {
    "n": {Strategy.RANDOM, Strategy.INFORMATIVE},
    "models": {Strategy.MODEL_PAIRS},
    "seed": DRAWN,
}
STATES = {
    "open": Q(taken__lt=F("overlap")),
    "leased": Q(taken__gte=F("overlap"), judged__lt=F("overlap"), closed=False, withheld=0),
    "done": Q(kind=Comparison.Kind.PLAIN, judged__gte=F("overlap"), closed=False, withheld=0),
    "with_lead": Q(withheld__gt=0, closed=False),
    "closed": Q(closed=True),
}


def number(name: str, **options: Any) -> serializers.IntegerField:
    """A whole number within its limits."""
    least, most = LIMITS[name]
    return serializers.IntegerField(min_value=least, max_value=most, **options)


class GoldSerializer(serializers.Serializer[Any]):
    """The right answer of a gold."""

    chosen = serializers.CharField(max_length=200, trim_whitespace=False, help_text="The output that is right.")


class NamedSerializer(serializers.Serializer[Any]):
    """A comparison of two outputs of one request."""

    request_id = serializers.CharField(max_length=200, trim_whitespace=False)
    outputs = serializers.ListField(
        child=serializers.CharField(max_length=200, trim_whitespace=False), min_length=2, max_length=2
    )
    priority = number("priority", default=0, help_text="Higher comes first.")
    overlap = number(
        "overlap", required=False, help_text="Judgments wanted, if not the project's `overlap`. A gold has none."
    )
    gold = GoldSerializer(
        required=False,
        help_text="Makes it a gold, to check annotators by: it has no overlap, and its judgments are never data.",
    )


class StrategySerializer(serializers.Serializer[Any]):
    """Comparisons by a pairing strategy, of the prompts that are there; parameters left out are the project's."""

    strategy = serializers.ChoiceField(STRATEGIES)
    n = number("n", required=False, help_text="Of `random` and `informative`: pairs of each prompt.")
    models = serializers.ListField(
        child=serializers.CharField(max_length=401),
        max_length=MOST_MODELS,
        required=False,
        help_text="Of `model_pairs`: names, or names and versions with a space between.",
    )
    seed = number("seed", required=False, help_text="Of what draws: another draw than the project's own.")
    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT, help_text="Comparisons to make at most."
    )
    after = serializers.CharField(required=False, help_text="`next` of the call before, to go on from there.")
    priority = number("priority", default=0, help_text="Higher comes first.")
    overlap = number("overlap", required=False, help_text="Judgments wanted, if not the project's `overlap`.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        idle = [
            name for name, strategies in PARAMETERS.items() if name in attrs and attrs["strategy"] not in strategies
        ]
        if idle:
            raise serializers.ValidationError(dict.fromkeys(idle, f"is no parameter of {attrs['strategy']}"))
        return attrs


class ChangeSerializer(serializers.Serializer[Any]):
    """What can be changed of a comparison."""

    priority = number("priority", help_text="Higher comes first.")
    overlap = number("overlap", help_text="Judgments wanted; no fewer than are given or handed out.")


class MadeSerializer(serializers.Serializer[Any]):
    """A comparison as it was made."""

    comparison_id = serializers.UUIDField()
    request_id = serializers.CharField()
    outputs = serializers.ListField(child=serializers.CharField(), min_length=2, max_length=2)


class AnswerSerializer(serializers.Serializer[Any]):
    """What was made; of a pair that was named, the comparison that is there."""

    created = serializers.IntegerField(min_value=0)
    results = MadeSerializer(many=True)
    next = serializers.CharField(
        required=False, allow_null=True, help_text="Of a strategy: `after` of the next call; null: all was looked at."
    )


class ComparisonSerializer(MadeSerializer):
    """A comparison as it stands."""

    kind = serializers.ChoiceField(Comparison.Kind.choices)
    state = serializers.ChoiceField(list(STATES), allow_null=True, help_text="null: a gold or a repeat.")
    priority = serializers.IntegerField()
    overlap = serializers.IntegerField(help_text="Judgments wanted.")
    own_overlap = serializers.BooleanField(help_text="It was set for this one: a change of the project's leaves it.")
    taken = serializers.IntegerField(help_text="Judgments that count, and live leases.")
    judged = serializers.IntegerField(help_text="Judgments that count.")
    propensity = serializers.FloatField(help_text="The chance with which the pair was taken; 1 where none is drawn.")
    created_at = serializers.DateTimeField()


class ComparisonPageSerializer(serializers.Serializer[Any]):
    """A page of comparisons, oldest first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ComparisonSerializer(many=True)


class ComparisonParameters(PageParameters):
    """Filters of the list of comparisons."""

    state = serializers.ChoiceField(list(STATES), required=False, help_text="As in `progress/`, or closed.")
    model = serializers.CharField(
        required=False, trim_whitespace=False, help_text="Name of the model of either output."
    )
    request_id = serializers.CharField(required=False, trim_whitespace=False)


MADE = {
    "comparison_id": "f2b7f3f5-8a53-4c5e-a5cf-8c1f0d6f3a52",
    "request_id": "7f0c",
    "outputs": ["a1", "b2"],
}
STANDING = {
    **MADE,
    "kind": "plain",
    "state": "open",
    "priority": 10,
    "overlap": 3,
    "own_overlap": True,
    "taken": 1,
    "judged": 0,
    "propensity": 0.41,
    "created_at": "2026-05-01T10:00:00Z",
}
EXAMPLES = [
    OpenApiExample("Two outputs", {"request_id": "7f0c", "outputs": ["a1", "b2"], "priority": 10}, request_only=True),
    OpenApiExample(
        "A gold", {"request_id": "7f0c", "outputs": ["a1", "b2"], "gold": {"chosen": "b2"}}, request_only=True
    ),
    OpenApiExample("Every pair", {"strategy": "all_pairs", "limit": 1_000}, request_only=True),
    OpenApiExample(
        "Between two models", {"strategy": "model_pairs", "models": ["aurora 1.2", "basalt"]}, request_only=True
    ),
    OpenApiExample("What teaches most", {"strategy": "informative", "limit": 50, "priority": 10}, request_only=True),
    OpenApiExample(
        "One was made", {"created": 1, "results": [MADE], "next": "bjo0Mg"}, response_only=True, status_codes=["201"]
    ),
    OpenApiExample("It was there", {"created": 0, "results": [MADE]}, response_only=True, status_codes=["200"]),
]
DESCRIPTION = f"""
Either of two outputs that are named, or by a strategy over the project's prompts. A pair that has a comparison keeps it
as it is, so the same call again makes nothing twice.

One call makes up to `limit` comparisons and looks at {PROMPTS_OF_A_CALL:,} prompts, the oldest first; while `next` is
not null there is more to look at: call again with it as `after`. `informative` without `n` opens the `limit` pairs, of
whichever prompts, that teach most about the ratings of models; it looks at the newest prompts, up to
{PAIRS_OF_A_CALL:,} pairs of them. `manage.py make_comparisons` has no such bounds.
"""
