"""Pairing: which pairs of a prompt's outputs to ask about. The only maker of comparisons.

`rules` says what a rule is and what it chooses from, `fixed` and `informative` choose, `tally` keeps what the latter
knows of each two models, `making` writes comparisons, `walking` goes over prompts that are there already, and `naming`
makes or changes one comparison that somebody names.
"""

from annotation.analysis.battles import Model
from annotation.pairing.making import NewComparison, Terms, create, pair_up
from annotation.pairing.rules import LIMITS, MOST_MODELS, MOST_N, Answered, Rule, RuleError, what_is_wrong

__all__ = [
    "LIMITS",
    "MOST_MODELS",
    "MOST_N",
    "Answered",
    "Model",
    "NewComparison",
    "Rule",
    "RuleError",
    "Terms",
    "create",
    "pair_up",
    "what_is_wrong",
]
