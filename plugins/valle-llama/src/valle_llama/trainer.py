"""`transformers.Trainer` over the weights of a backbone, for `valle bench train`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, IterableDataset

from valle_core.plugin import UserError
from valle_llama import reference
from valle_llama.backbone import LlamaBackbone

NOTHING = -100
STRATEGIES = {"batches at random": "random", "batches of similar length": "group_by_length"}

Row = tuple[Int[Tensor, "T"], Int[Tensor, "T"]]


class TokenModel(nn.Module):
    """A table of tokens, `LlamaModel` and a head, with logits and loss as transformers' own models have them."""

    def __init__(self, llama: nn.Module, table: Tensor, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.llama = llama
        self.table, self.weight, self.bias = (nn.Parameter(x.detach().clone()) for x in (table, weight, bias))
        self.losses: list[Tensor] = []
        self.seen: list[tuple[int, int]] = []

    def forward(
        self, input_ids: Int[Tensor, "B T"], attention_mask: Int[Tensor, "B T"], labels: Int[Tensor, "B T"]
    ) -> dict[str, Float[Tensor, ""]]:
        """The mean loss over what is predicted."""
        x = F.embedding(input_ids, self.table)
        h = self.llama(inputs_embeds=x, attention_mask=attention_mask, use_cache=False).last_hidden_state
        logits = F.linear(h, self.weight, self.bias)
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=NOTHING)
        self.losses.append(loss.detach())
        self.seen.append((int(attention_mask.sum()), attention_mask.numel()))
        return {"loss": loss}


class LlamaTrainer:
    """A `valle_bench.reference.ReferenceTrainer`."""

    settings = tuple(STRATEGIES)

    def __init__(self, model: TokenModel) -> None:
        self._model = model

    def follow(self, batches: Sequence[Sequence[Row]], *, rate: float) -> Sequence[float]:
        """See `ReferenceTrainer`."""
        model, ended = self._run(_InOrder([collate(batch) for batch in batches]), None, "random", 1, len(batches), rate)
        assert len(ended) == len(batches)
        return [float(loss) for loss in model.losses]

    def train(
        self, rows: Sequence[Row], *, setting: str, batch: int, steps: int, rate: float
    ) -> Sequence[tuple[float, int, int]]:
        """See `ReferenceTrainer`."""
        items = [{"input_ids": tokens, "labels": labels} for tokens, labels in rows]
        model, ended = self._run(items, _collate_items, STRATEGIES[setting], batch, steps, rate)
        return [(at, *seen) for at, seen in zip(ended, model.seen, strict=True)]

    def _run(
        self, data: Any, collator: Any, strategy: str, batch: int, steps: int, rate: float
    ) -> tuple[TokenModel, list[float]]:
        """A fresh copy of the model after so many steps, and when each ended."""
        from transformers import Trainer, TrainerCallback, TrainingArguments

        ended: list[float] = []

        class Watch(TrainerCallback):
            def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
                ended.append(time.perf_counter())

        model = deepcopy(self._model).train()
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder, max_steps=steps, per_device_train_batch_size=batch, learning_rate=rate,
                lr_scheduler_type="constant", optim="adamw_torch_fused", adam_beta1=0.9, adam_beta2=0.95,
                weight_decay=0.0, max_grad_norm=1.0, use_cpu=True, report_to=[], save_strategy="no",
                logging_strategy="no", disable_tqdm=True, train_sampling_strategy=strategy, remove_unused_columns=False,
            )  # fmt: skip
            trainer = Trainer(model=model, args=arguments, data_collator=collator, callbacks=[Watch()])
            if isinstance(data, IterableDataset):
                trainer.get_train_dataloader = lambda: DataLoader(data, batch_size=None)  # type: ignore[method-assign]
            else:
                trainer.train_dataset = data
            trainer.train()
        return model, ended


class _InOrder(IterableDataset[Any]):
    """Batches that are made."""

    def __init__(self, batches: Sequence[dict[str, Tensor]]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return iter(self._batches)


def collate(rows: Sequence[Row]) -> dict[str, Tensor]:
    """Right-padded rows."""
    tokens, labels = zip(*rows, strict=True)
    lengths = torch.tensor([len(row) for row in tokens])
    return {
        "input_ids": pad_sequence(list(tokens), batch_first=True),
        "labels": pad_sequence(list(labels), batch_first=True, padding_value=NOTHING),
        "attention_mask": (torch.arange(int(lengths.max())) < lengths[:, None]).long(),
    }


def _collate_items(items: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    return collate([(item["input_ids"], item["labels"]) for item in items])


def load(backbone: LlamaBackbone, table: Tensor, weight: Tensor, bias: Tensor) -> LlamaTrainer:
    """The trainer, over copies of these weights. Raises `UserError` without transformers."""
    llama = reference.load(deepcopy(backbone))
    try:
        import transformers.trainer  # noqa: F401
    except ImportError as error:
        raise UserError(f"transformers.Trainer cannot be used: {error}") from error
    return LlamaTrainer(TokenModel(deepcopy(llama.model), table, weight, bias))
