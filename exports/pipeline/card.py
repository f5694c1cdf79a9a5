"""The dataset card: README.md with the configs for `datasets`, and what a reader must know, out of the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from exports.pipeline.features import features_of
from exports.pipeline.formats import FORMATS
from exports.pipeline.manifest import Collection, Origin
from exports.pipeline.write import WrittenFile

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10**7, "1M<n<10M"))
LICENCE = """\
The licence of the texts and judgments was not stated to Prefapp: `unknown` above is a place to fill in, not a grant."""
LIMITS = """\
- A judgment says what its source preferred under the guidelines it was given, not what is true or safe.
- Texts are as they were logged: they may hold personal data, errors, or anything else that a model or a user wrote.
- `train` and `test` share no prompt by digest; prompts that are merely alike may stand in both.
- Rows are in the order of the log: shuffle them for training."""


def make_card(origin: Origin, collection: Collection, counts: Mapping[str, Any], files: Sequence[WrittenFile]) -> bytes:
    """README.md. A config without rows, and a split without rows, is left out: no reader could load it."""
    parts = [
        f"---\n{yaml.safe_dump(_metadata(origin, files), sort_keys=False, allow_unicode=True)}---",
        f"# {origin.project}, version {origin.version}",
        _summary(origin, counts),
        "## Configs",
        _configs(origin, files),
        "## How it was collected",
        _collected(collection),
        _guidelines(collection),
        "## How it was compiled",
        _compiled(counts),
        "## What was measured",
        _measured(origin, counts["measured"]),
        "## Licence",
        LICENCE,
        "## Limits",
        LIMITS,
    ]
    return ("\n\n".join(part for part in parts if part) + "\n").encode()


def _rows(files: Sequence[WrittenFile], config: str, split: str) -> int:
    return sum(file.rows or 0 for file in files if file.path.startswith(f"{config}/{split}-"))


def _bytes(files: Sequence[WrittenFile], config: str, split: str) -> int:
    return sum(file.bytes for file in files if file.path.startswith(f"{config}/{split}-"))


def _metadata(origin: Origin, files: Sequence[WrittenFile]) -> dict[str, Any]:
    configs: list[dict[str, Any]] = []
    infos: list[dict[str, Any]] = []
    for name in origin.recipe["formats"]:
        splits = [split for split in ("train", "test") if _rows(files, name, split)]
        if splits:
            pattern = f"-*.{origin.recipe['file_format']}"
            data_files = [{"split": split, "path": f"{name}/{split}{pattern}"} for split in splits]
            infos.append(_info(name, splits, files))
            configs.append({"config_name": name, **({} if configs else {"default": True}), "data_files": data_files})
    largest = max((sum(_rows(files, c["config_name"], s) for s in ("train", "test")) for c in configs), default=0)
    size = next((name for limit, name in SIZES if largest < limit), "n>10M")
    return {
        "pretty_name": f"{origin.project} v{origin.version}",
        "license": "unknown",
        "tags": ["preference", "human-feedback", "prefapp"],
        "size_categories": [size],
        **({"configs": configs, "dataset_info": infos} if configs else {}),
    }


def _info(config: str, splits: Sequence[str], files: Sequence[WrittenFile]) -> dict[str, Any]:
    """Columns and sizes of a config."""
    sizes = [
        {"name": split, "num_bytes": _bytes(files, config, split), "num_examples": _rows(files, config, split)}
        for split in splits
    ]
    size = sum(_bytes(files, config, split) for split in splits)
    info: dict[str, Any] = {"config_name": config, "features": features_of(FORMATS[config].schema), "splits": sizes}
    return {**info, "download_size": size, "dataset_size": size}


def _summary(origin: Origin, counts: Mapping[str, Any]) -> str:
    selected = counts["selected"]
    judgments, judges = _many(selected["judgments"], "judgment"), _many(selected["judges"], "judge")
    pairs, prompts = _many(selected["pairs"], "pair"), _many(selected["prompts"], "prompt")
    return (
        f"Preferences between model outputs: {judgments} by {judges} on {pairs} of {prompts}, up to "
        f"position {origin.watermark} of the log (`{origin.watermark_hash}`). "
        "`manifest.json` has the recipe, the counts and a SHA-256 of each file."
    )


def _configs(origin: Origin, files: Sequence[WrittenFile]) -> str:
    lines = ["| config | train | test | what |", "|---|---|---|---|"]
    for name in origin.recipe["formats"]:
        train, test = (_rows(files, name, split) for split in ("train", "test"))
        lines.append(f"| `{name}` | {train:,} | {test:,} | {FORMATS[name].about} |")
    empty = [name for name in origin.recipe["formats"] if not any(_rows(files, name, s) for s in ("train", "test"))]
    if empty:
        lines += ["", f"Without rows, and so without files and not loadable: {', '.join(f'`{n}`' for n in empty)}."]
    return "\n".join(lines)


def _collected(collection: Collection) -> str:
    lines = [
        f"- {row['source_type']}: {_many(row['judgments'], 'judgment')} by {_many(row['judges'], 'judge')}"
        for row in collection.sources
    ]
    settings = collection.settings
    if "scale" in settings:
        wanted = _many(settings.get("overlap", 1), "judgment")
        lines.append(f"- answer scale `{settings['scale']}`, {wanted} wanted for each comparison")
    if collection.models:
        shown = ", ".join(f"`{_inline(row['model'])}`" for row in collection.models[:50])
        more = len(collection.models) - 50
        lines.append(f"- {_many(len(collection.models), 'model')}: {shown}{f' and {more} more' if more > 0 else ''}")
    return "\n".join(lines) or "No judgment was selected."


def _guidelines(collection: Collection) -> str:
    shown = [row for row in collection.guidelines if row["version"] is not None and row["text"]]
    parts = []
    for row in shown:
        quoted = "\n".join(f"> {line}".rstrip() for line in row["text"].splitlines())
        parts.append(f"### Guidelines, version {row['version']} ({_many(row['judgments'], 'judgment')})\n\n{quoted}")
    return "\n\n".join(parts)


def _compiled(counts: Mapping[str, Any]) -> str:
    curated, sampled, split = counts["curated"], counts["sampled"], counts["split"]
    left_out = counts["selected"].get("dropped", {})
    lines = [f"- left out by `{rule}`: {_many(judgments, 'judgment')}" for rule, judgments in left_out.items()]
    lines += [f"- dropped by `{rule}`: {pairs:,} pairs or rated outputs" for rule, pairs in curated["dropped"].items()]
    lines += [
        f"- kept: {curated['pairs']:,} pairs, of them {curated['decided']:,} with a winner, {curated['ties']:,} ties, "
        f"{curated['both_bad']:,} where both are bad; {_many(curated['rated_outputs'], 'rated output')}",
        f"- sampled: {sampled['decided']:,} with a winner, {sampled['pairs']:,} for configs that take the others too",
        f"- prompts: {split['train_prompts']:,} in train, {split['test_prompts']:,} in test",
    ]
    return "\n".join(lines)


def _measured(origin: Origin, measured: Mapping[str, Any]) -> str:
    """Agreement and leanings of the judges, and lengths of the texts, as far as there was something to measure."""
    lines = []
    agreement, sides = measured["agreement"], measured["sides"]
    if agreement["pairs"]:
        several = _many(agreement["pairs"], "pair")
        lines.append(
            f"- agreement on {several} with several votes: {agreement['agreement']:.1%} of the votes on a pair"
        )
    if sides["votes"]:
        lines.append(f"- the left output was chosen in {_share(sides['left_won'], sides['votes'], 'vote')}")
    lengths = measured.get("lengths", {"pairs": 0})
    if lengths["pairs"]:
        lines.append(f"- the longer output won in {_share(lengths['longer_won'], lengths['pairs'], 'pair')}")
    labels = measured.get("labels", {})
    if "kto" in origin.recipe["formats"] and labels.get("true") and labels.get("false"):
        least = labels["false"] / labels["true"]
        lines.append(
            f"- `kto`: {labels['true']:,} true and {labels['false']:,} false; with `undesirable_weight=1.0` take a "
            f"`desirable_weight` from {least:.2f} to {least * 4 / 3:.2f}"
        )
    if characters := measured.get("characters"):
        lines += ["", "| characters | half up to | 90 % | 99 % | longest |", "|---|---|---|---|---|"]
        for side, told in characters.items():
            lines.append(f"| {side} | {' | '.join(f'{value:,}' for value in told.values())} |")
    return "\n".join(lines) or "There was nothing to measure."


def _share(part: int, whole: int, thing: str) -> str:
    return f"{part / whole:.1%} of {_many(whole, thing)}"


def _inline(name: str) -> str:
    """A name from outside, harmless inside backticks on one line of a list."""
    return " ".join(name.replace("`", "'").split()) or "unnamed"


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
