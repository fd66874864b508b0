"""What is exported loads with `datasets` and trains with TRL, where both are installed."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.engine.decision_export.export import Shape, export_decisions
from evolver_tui.engine.decision_export.wanted import Wanted
from evolver_tui.tools.definitions import BUILT_IN_TOOLS, TASK_TO_WORKFLOW_ROUTER
from evolver_tui.wiring import make_reader
from tests.support.control_tokens import TOKENS
from tests.support.decisions import deciding, edit, program, reject, send_and_decide, task
from tests.support.sessions import workspace_in

trl = pytest.importorskip("trl")
datasets = pytest.importorskip("datasets")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

FORMATS = ("sft", "dpo", "kto")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
HOSTILE = f"# {' '.join(token for token in TOKENS if token.isascii() and token.isprintable())}\n"


async def exports(folder: Path) -> None:
    """Both sides of each format, of some decisions about hostile programs."""
    codes = [program(f"word{number}") + HOSTILE for number in range(8)]
    async with deciding(folder, None, codes) as (session, watch, _):
        for number in range(4):
            decided = (reject("Shorter."), "approve") if number % 2 else (edit(program(f"mine{number}")), "approve")
            await send_and_decide(session, watch, task(number), *decided)
    for format in FORMATS:
        (folder / format).mkdir()
        place = make_reader(workspace_in(folder))
        await export_decisions(place, Shape(format, validation=0.3), Wanted(), BUILT_IN_TOOLS, [], folder / format)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both sides of each format lie."""
    folder = tmp_path_factory.mktemp("decisions")
    asyncio.run(exports(folder))
    return folder


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """A small one that knows the tokens of ChatML."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token=None))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=2_000, special_tokens=special, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()
    )
    made.train_from_iterator([TASK_TO_WORKFLOW_ROUTER.system_prompt, program("word"), HOSTILE], trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHAT_TEMPLATE
    )


def loaded(folder: Path, format: str) -> Any:
    return datasets.load_dataset(str(folder / format), cache_dir=str(folder / "cache"))


def turns(text: str) -> int:
    return text.count("<|im_start|>")


def test_each_format_is_the_one_that_trl_documents(folder: Path, tokenizer: Any) -> None:
    for format in FORMATS:
        both = loaded(folder, format)
        assert set(both) == {"train", "validation"}
        for side, rows in both.items():
            written = [json.loads(line) for line in (folder / format / f"{side}.jsonl").read_text().splitlines()]
            assert [row["provenance"]["task_id"] for row in rows] == [row["provenance"]["task_id"] for row in written]
            for row in rows:
                assert trl.data_utils.is_conversational(row)
                texts = trl.data_utils.apply_chat_template(row, tokenizer)
                if format == "sft":
                    assert turns(texts["text"]) == 3
                    assert json.loads(row["messages"][2]["content"])["workflow_code"]
                    continue
                assert turns(texts["prompt"]) == 3  # the last one is for the answer
                for answer in {"dpo": ("chosen", "rejected"), "kto": ("completion",)}[format]:
                    assert turns(texts[answer]) == 0
                    assert texts[answer].endswith("<|im_end|>\n")
        if format == "dpo":
            unpaired = trl.data_utils.unpair_preference_dataset(both["train"])
            assert unpaired.num_rows == 2 * both["train"].num_rows


def trainers() -> Iterator[Any]:
    for format in FORMATS:
        yield pytest.param(format, getattr(trl, f"{format.upper()}Trainer"), getattr(trl, f"{format.upper()}Config"))


@pytest.mark.parametrize(("format", "trainer", "config"), trainers(), ids=FORMATS)
def test_trl_trains_on_it_and_the_column_of_its_provenance_does_no_harm(
    folder: Path, tmp_path: Path, tokenizer: Any, format: str, trainer: Any, config: Any
) -> None:
    both = loaded(folder, format)
    model = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=len(tokenizer), n_positions=4096, n_embd=8, n_layer=1, n_head=1)
    )
    settings = config(
        str(tmp_path / "out"), max_steps=1, per_device_train_batch_size=2, max_length=4096, report_to="none",
        use_cpu=True, save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    reference = {} if format == "sft" else {"ref_model": copy.deepcopy(model)}
    training = trainer(
        model, args=settings, train_dataset=both["train"], eval_dataset=both["validation"],
        processing_class=tokenizer, **reference,
    )  # fmt: skip
    assert len(training.train_dataset) == len(both["train"])
    result = training.train()
    assert result.global_step == 1
    assert result.training_loss > 0
    assert "eval_loss" in training.evaluate()
