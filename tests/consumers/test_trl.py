"""TRL: its trainers take two steps on a snapshot as it is, with a tiny model that is made here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
trl = pytest.importorskip("trl")
tokenizers = pytest.importorskip("tokenizers")

pytestmark = pytest.mark.consumers

SPECIAL = ["<pad>", "<end>"]
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] }}<end>{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
STEPS = 2
OPTIONS: dict[str, Any] = {
    "max_steps": STEPS,
    "per_device_train_batch_size": 4,
    "max_length": 256,
    "logging_steps": 1,
    "report_to": "none",
    "save_strategy": "no",
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """A token a byte."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *alphabet])}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token=SPECIAL[0], eos_token=SPECIAL[1])
    fast.chat_template = TEMPLATE
    return fast


def model(tokenizer: Any, kind: str, **options: Any) -> Any:
    """A model of a few thousand weights."""
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=512, pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
        **options,
    )  # fmt: skip
    torch.manual_seed(0)
    return getattr(transformers, kind)(config)


@pytest.fixture
def writer(tokenizer: Any, tmp_path: Path) -> str:
    """A folder with a model that writes: its trainers load it once more as the reference."""
    model(tokenizer, "LlamaForCausalLM").save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


@pytest.fixture
def load(folder: Path, tmp_path: Path) -> Callable[[str], Any]:
    return lambda config: datasets.load_dataset(str(folder), config, cache_dir=str(tmp_path / "cache"))


def losses_of(trainer: Any) -> list[float]:
    """Train; the losses of the steps, and that of the test split."""
    trainer.train()
    logged = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(logged) == STEPS
    return [*logged, trainer.evaluate()["eval_loss"]]


@pytest.mark.parametrize("config", ["preference", "preference_text", "preference_full", "reward"])
def test_dpo(config: str, load: Callable[[str], Any], tokenizer: Any, writer: str, tmp_path: Path):
    loaded = load(config)
    trainer = trl.DPOTrainer(
        writer,
        args=trl.DPOConfig(str(tmp_path), **OPTIONS),
        train_dataset=loaded["train"],
        eval_dataset=loaded["test"],
        processing_class=tokenizer,
    )
    assert len(trainer.train_dataset) == loaded["train"].num_rows
    assert all(loss > 0 for loss in losses_of(trainer))


@pytest.mark.parametrize("config", ["reward", "preference", "preference_text", "preference_full"])
def test_reward(config: str, load: Callable[[str], Any], tokenizer: Any, tmp_path: Path):
    loaded = load(config)
    trainer = trl.RewardTrainer(
        model(tokenizer, "LlamaForSequenceClassification", num_labels=1),
        args=trl.RewardConfig(str(tmp_path), **OPTIONS),
        train_dataset=loaded["train"],
        eval_dataset=loaded["test"],
        processing_class=tokenizer,
    )
    assert len(trainer.train_dataset) == loaded["train"].num_rows
    assert ("margin" in trainer.train_dataset.column_names) == (config == "reward")
    assert all(loss > 0 for loss in losses_of(trainer))


@pytest.mark.parametrize("config", ["kto", "preference"])
def test_kto(config: str, load: Callable[[str], Any], tokenizer: Any, writer: str, tmp_path: Path):
    loaded = load(config)
    trainer = trl.KTOTrainer(
        writer,
        args=trl.KTOConfig(str(tmp_path), **OPTIONS),
        train_dataset=loaded["train"],
        eval_dataset=loaded["test"],
        processing_class=tokenizer,
    )
    assert len(trainer.train_dataset) == loaded["train"].num_rows * (1 if config == "kto" else 2)
    assert all(loss > 0 for loss in losses_of(trainer))
