"""Prompts with outputs of named models, stored or not."""

from __future__ import annotations

from collections.abc import Sequence

from annotation.intake.inferences import accept_inferences, check_inference
from annotation.judging import Output
from annotation.models import Candidate, Comparison, Project, Prompt
from annotation.pairing import Answered, Model, Rule
from annotation.pairing.rules import Strategy
from tests.annotation.intake.records import NOW, inference


def prompt(models: Sequence[str], request_id: str = "r1") -> Answered:
    """One that is not stored, with an output by each model, “name” or “name version”."""
    outputs = [Output(pk + 1, f"{request_id}-{pk:02}") for pk in range(len(models))]
    return Answered(1, request_id, outputs, [Model(*(*name.split(), "", "")[:2]) for name in models])


def rule(strategy: str, *, n: int = 1, models: Sequence[str] = (), seed: str = "seed") -> Rule:
    """A rule without a project."""
    return Rule(Strategy(strategy), n, tuple(models), seed)


def log_prompt(
    project: Project, models: Sequence[str], request_id: str = "r1", *, strategy: str | None = "none"
) -> Answered:
    """Log a prompt with an output by each model; no comparison unless a strategy (None: the project's) makes some."""
    outputs = []
    for number, model in enumerate(models):
        name, _, version = model.partition(" ")
        described = {"name": name, **({"version": version} if version else {})}
        output = {"output_id": f"{request_id}-{number:02}", "content": f"Answer {number}"}
        outputs.append({**output, "model": described} if name else output)
    value = inference(request_id, outputs=outputs)
    (outcome,) = accept_inferences(project, [check_inference(project, value, now=NOW)], actor="test", rule=strategy)
    assert outcome.result == "created", outcome
    stored = Prompt.objects.get(project=project, request_id=request_id)
    candidates = list(Candidate.objects.filter(prompt=stored).order_by("index"))
    return Answered(
        stored.pk,
        request_id,
        [Output.of(candidate) for candidate in candidates],
        [Model(candidate.model_name, candidate.model_version) for candidate in candidates],
    )


def compared(project: Project) -> list[tuple[str, str]]:
    """The outputs of every comparison of a project, in the order in which they were made."""
    return list(Comparison.objects.filter(project=project).order_by("pk").values_list("a__output_id", "b__output_id"))
