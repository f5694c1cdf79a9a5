"""Judged battles with a little of everything, and a snapshot of them in every config."""

from __future__ import annotations

from exports.models import Snapshot
from exports.pipeline.formats import FORMATS
from tests import world
from tests.exports.dataset import built, give_feedback, log_inference, vote

CHAT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hi."},
    {"role": "assistant", "content": "Hello."},
]
PAIRS = ((0, 1), (1, 2), (0, 2))
UNDECIDED = ("tie", "both_bad")


def build_all() -> Snapshot:
    """40 battles of three models, among them chats, ties and strengths, and 10 ratings, in every config."""
    project = world.project("consumers", scale="strength7")
    for n in range(40):
        pair = PAIRS[n % 3]
        outputs = (f"Short {n}.", f"A longer answer {n}, ‘quoted’ 😀.", f"Three {n}.\n\n- list")
        metadata = {"language": ("en", "fr")[n % 2]}
        prompt = [*CHAT, {"role": "user", "content": f"Bye {n}?"}] if n % 4 == 0 else None
        log_inference(project, f"r{n}", *outputs, prompt=prompt, metadata=metadata)
        says: int | str = pair[n % 5 == 0] if n < 34 else UNDECIDED[n % 2]
        strength = {"strength": 1 + n % 3} if n < 34 else {}
        vote(project, f"r{n}", says, pair=pair, rationale=f"Because {n}.", **strength)
    for n in range(10):
        give_feedback(project, f"r{n}", "rating", output=f"r{n}-0", value=1 if n % 2 else -1)
    return built(project, formats=list(FORMATS), split={"test": 0.3, "seed": 1})
