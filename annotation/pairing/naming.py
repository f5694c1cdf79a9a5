"""One comparison that somebody names: made, or changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from annotation import log
from annotation.judging import Output
from annotation.models import Candidate, Comparison, Project, Prompt
from annotation.pairing.making import NewComparison, Terms, compare, create, take_turn
from annotation.pairing.rules import Answered, Pick, RuleError, keys


class OverlapTakenError(Exception):
    """The overlap of a comparison cannot be what was asked for: why."""


class ClosedError(Exception):
    """Nobody is asked about the comparison any more."""


@transaction.atomic
def name_pair(project: Project, request_id: str, outputs: Sequence[str], terms: Terms) -> tuple[NewComparison, bool]:
    """Make the comparison of two outputs of a request; return it and whether it is new.

    One that is there stays as it is. Raises RuleError for a request or an output that is not there.
    """
    take_turn(project)
    prompt = Prompt.objects.filter(project=project, request_id=request_id).only("pk", "erasure").first()
    if prompt is None:
        raise RuleError("request_id", "is of no logged inference")
    if prompt.erasure_id:
        raise RuleError("request_id", "is of an inference that was erased")
    answers = [_find(prompt, output_id) for output_id in outputs]
    if answers[0] == answers[1]:
        raise RuleError("outputs", "must be two different ones")
    answered = Answered(prompt.pk, request_id, answers, ())
    (new,) = compare([(answered, Pick((answers[0], answers[1])))])
    a, b = keys(new.outputs)
    earlier = Comparison.objects.filter(a=a, b=b).exclude(kind="repeat").values_list("uid", flat=True).first()
    if earlier:
        return new._replace(uid=earlier), False
    create(project, [new], terms)
    return new, True


def _find(prompt: Prompt, output_id: str) -> Output:
    stands = Candidate.objects.filter(prompt=prompt, output_id=output_id, erasure=None)
    candidate = stands.only("pk", "output_id").first()
    if candidate is None:
        raise RuleError("outputs", f"“{output_id}” is no output of this request")
    return Output.of(candidate)


@transaction.atomic
def change_comparison(
    comparison: Comparison, *, priority: int | None = None, overlap: int | None = None, actor: str
) -> Comparison:
    """Set a comparison's priority or overlap, and tell the log what changed; return it as it is then.

    Its overlap is its own from then on, also when it is that of the project.
    Raises OverlapTakenError for an overlap below what is taken, and for one that is not counted by its overlap now;
    ClosedError.
    """
    locked = Comparison.objects.select_related("project").select_for_update(of=("self",), no_key=True)
    current = locked.get(pk=comparison.pk)
    if current.closed:
        raise ClosedError
    wanted = {"priority": priority, "overlap": overlap}
    changed: dict[str, Any] = {
        name: value for name, value in wanted.items() if value is not None and value != getattr(current, name)
    }
    if overlap is not None and not current.own_overlap:
        changed["overlap"] = overlap
    if "overlap" in changed and current.kind != Comparison.Kind.PLAIN:
        raise OverlapTakenError("golds and repeats have none")
    if "overlap" in changed and current.withheld:
        raise OverlapTakenError("too many skipped it, and it waits for the lead")
    if changed.get("overlap", current.overlap) < current.taken:
        raise OverlapTakenError(f"{current.taken} of its judgments are given or handed out")
    if changed:
        current.own_overlap |= "overlap" in changed
        Comparison.objects.filter(pk=current.pk).update(**changed, own_overlap=current.own_overlap)
        event = log.NewEvent("comparison.changed", actor, f"comparison:{current.uid}", changed)
        log.append(current.project, [event])
        for name, value in changed.items():
            setattr(current, name, value)
    return current
