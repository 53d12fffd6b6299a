"""What lies in such a folder, and what cannot be said in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from valle_core.plugin import UserError
from valle_core.sequence.layout import CONTINUING, ORDERS
from valle_core.sequence.pack import PackRules
from valle_llama.folder import LAYOUT
from valle_llama.one_vocabulary.ids import OneVocabulary

WHOLE = replace(LAYOUT, model="LlamaForCausalLM", prefixes=(), around=())
"""A folder with its embedding and head, tensors by their stored names."""

EMBEDDING, HEAD, INSIDE = "model.embed_tokens.weight", "lm_head.weight", "model."
MAPPING = "valle.json"
GENERATION = "generation_config.json"
FORMAT = 1
KINDS = {"format": int, "ids": dict, "manifest": dict, "model": dict}
"""What is read again of `MAPPING`."""


def refuse_unsayable(config: Mapping[str, Any], where: str) -> None:
    """Raises `UserError` where a model of this configuration (its model.yaml) cannot be said by ids alone."""
    model: Mapping[str, Any] = config.get("model") or {}
    levels, summed = model.get("levels"), model.get("sum_levels", "both")
    arch, draft = _name(config.get("arch")), config.get("draft")
    reasons = {
        f"arch '{arch}' is not LLaMA; train with --arch llama": arch != "llama",
        "level 0 is not in it (model.parts nar); give the run of level 0": model.get("parts") == "nar",
        "level 0 is only masked (model.masked 1), not said token by token; train with --model.masked 0": (
            model.get("masked") == 1
        ),
        f"alignment '{_name(config.get('alignment'))}' adds the text to every frame; train without --alignment": bool(
            config.get("alignment")
        ),
        "draft 'grouped' reads several frames as one position; train without --draft": (
            _name(draft) == "grouped" and not (isinstance(draft, Mapping) and draft.get("size") == 1)
        ),
        "its backbone is rewritten, which LLaMA is not; train without --rewrite": bool(config.get("rewrite")),
        "model.markers sum adds them to every position; train with --model.markers token": (
            model.get("markers") == "sum"
        ),
        f"model.sum_levels {summed} adds up the levels of a prompt's frame; train with --model.sum-levels response": (
            summed in ("both", "prompt") and levels != 1
        ),
    }
    for reason, so in reasons.items():
        if so:
            raise UserError(f"{where} cannot be said in one vocabulary: {reason}")


def _name(part: Any) -> Any:
    return part.get("name") if isinstance(part, Mapping) else part


def mapping_of(ids: OneVocabulary, rules: PackRules) -> dict[str, Any]:
    """What a reader needs to write a row: half-open ranges of ids, and the order of a row's segments."""
    return {
        "format": FORMAT,
        "ids": {name: [found.start, found.stop] for name, found in ids.ranges().items()},
        "order": list(ORDERS[rules.layout]),
        "order_continuing": list(CONTINUING[rules.layout]),
        "text_range_per_language": rules.vocabulary.per_language_text,
    }


def generation_of(ids: OneVocabulary, bias: list[float]) -> dict[str, Any]:
    """generation_config.json: what ends an answer, what none may hold or begin with, and the head's bias."""
    config: dict[str, Any] = {
        "bos_token_id": None,
        "eos_token_id": ids.stop,
        "pad_token_id": ids.stop,
        "begin_suppress_tokens": [ids.stop],
        "suppress_tokens": list(range(ids.answers, ids.size)),
    }
    if any(bias):
        config["sequence_bias"] = [[[answer], value] for answer, value in enumerate(bias)]
    return config
