"""Level 0 as one `LlamaForCausalLM`: equal logits in stock transformers, and the same run back."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
import torch
from valle_llama.factory import build
from valle_llama.one_vocabulary.ids import OneVocabulary
from valle_llama.one_vocabulary.layout import MAPPING, refuse_unsayable
from valle_llama.one_vocabulary.reading import read_level0
from valle_llama.one_vocabulary.writing import write_loaded
from valle_llama.options import LlamaOptions

from valle_core.api import LoadedModel, Manifest, Registry, load_model
from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.layout import lay_out
from valle_core.sequence.pack import pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.types import CodecIdentity, TaskInputs

transformers = pytest.importorskip("transformers")

Q, V = 3, 8
SIZES = {"d_model": 16, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "ffn_dim": 24, "rope_theta": 300.0}
PLAIN = {"sum_levels": "response"}
VARIANTS = [
    PLAIN,
    {"sum_levels": "none", "layout": "text-first", "heads": "shared"},
    {"sum_levels": "none", "layout": "text-both", "parts": "ar"},
    {**PLAIN, "tie": True, "per_language_text": True},
    {**PLAIN, "codebook_embeddings": True, "tie": True},
    {"levels": 1},
    {**PLAIN, "head_bias": False},
    {**PLAIN, "masked": 0.5, "masked_share": True, "drop_text": 0.1},
]
MANIFEST = Manifest(
    step=7,
    codec=CodecIdentity(
        name="fake", sample_rate=16000, hop=320, num_levels=Q, codebook_size=V, weights_hash="0123456789abcdef"
    ),
    frontend="fake",
    symbols=("<pad>", " ", "a", "b", "c", "ɐ"),
    languages=("de", "en-us"),
    tasks=("tts",),
    plugins=(),
)


def native(kernel, changes) -> tuple[LoadedModel, dict]:
    torch.manual_seed(0)
    tokens = changes.get("task_tokens", ())
    options = ModelOptions(**{name: value for name, value in changes.items() if name != "task_tokens"})
    vocabulary = Vocabulary(
        symbols=len(MANIFEST.symbols),
        languages=2,
        num_levels=options.levels or Q,
        codebook_size=V,
        per_language_text=options.per_language_text,
        tasks=max(1, len(tokens)),
    )
    backbone = build(LlamaOptions(**SIZES), attention=kernel)
    model = CodecLM(backbone, vocabulary, options, codebooks=torch.randn(Q, V, 5)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    config = {"arch": {"name": "llama", **SIZES}, "attention": {"name": "sdpa"}, "model": asdict(options)}
    return LoadedModel(path=None, manifest=replace(MANIFEST, task_tokens=tokens), model=model), json.loads(
        json.dumps(config)
    )


def rows(prompt_frames=3, tone=None):
    codes = torch.randint(0, V, (6, Q), generator=torch.Generator().manual_seed(1))
    inputs = TaskInputs(
        text=torch.tensor([2, 3, 5]), language=1, prompt=codes[:prompt_frames], response=codes, tone=tone
    )
    return lay_out(inputs, 0, response=codes[:, :1], target=codes[:, 0])


def theirs(folder, ids, dtype):
    model = transformers.LlamaForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    return model(ids[None]).logits[0]


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
@torch.no_grad()
def test_transformers_gives_the_logits_of_level_0(kernel, tmp_path, changes):
    loaded, config = native(kernel, changes)
    refuse_unsayable(config, "run")
    vocabulary = write_loaded(loaded, config, tmp_path, dtype=torch.float64)
    said = json.loads((tmp_path / MAPPING).read_text())
    for row in (rows(), rows(prompt_frames=0), rows(tone=0)):
        batch = pack([row], loaded.model.rules)
        ids = vocabulary.ids_of(row, loaded.model.rules)
        found = theirs(tmp_path, ids, torch.float64)[batch.predicted[0].positions, : vocabulary.answers]
        if said["bias"]:
            found = found + torch.tensor(said["bias"], dtype=torch.float64)
        # transformers norms and rotates in float32, whatever the weights are
        torch.testing.assert_close(found, loaded.model(batch).logits[0], atol=1e-5, rtol=0)
    assert bool(said["bias"]) == changes.get("head_bias", True)


@torch.no_grad()
def test_its_files_load_without_a_word_and_generate_level_0_alone(kernel, tmp_path):
    loaded, config = native(kernel, PLAIN)
    vocabulary = write_loaded(loaded, config, tmp_path, dtype=torch.float32)
    model, info = transformers.LlamaForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    row = rows()
    start = vocabulary.ids_of(row, loaded.model.rules)[: -len(row.target)]
    said = model.generate(start[None], max_new_tokens=12, do_sample=False)[0, len(start) :].tolist()
    assert said == greedy(loaded.model.float(), row, 12)
    assert max(said) <= vocabulary.stop


def greedy(model, row, count):
    """What the native model says, the first token never being the stop."""
    said: list[int] = []
    while len(said) < count and (not said or said[-1] != V):
        response = torch.tensor(said, dtype=torch.long)[:, None]
        known = replace(row, segments=(*row.segments[:-1], replace(row.segments[-1], tokens=response)), target=None)
        logits = model(pack([known], model.rules)).logits[0][-1]
        said.append(int(logits[: None if said else V].argmax()))
    return said


@pytest.mark.parametrize(
    "changes",
    [
        PLAIN,
        {**PLAIN, "codebook_embeddings": True, "tie": True},
        {**PLAIN, "masked": 0.5, "masked_share": True, "task_tokens": ("ns", "vc")},
    ],
    ids=str,
)
@torch.no_grad()
def test_what_transformers_saves_is_read_back_as_the_same_level_0(kernel, tmp_path, changes):
    loaded, config = native(kernel, changes)
    vocabulary = write_loaded(loaded, config, tmp_path / "a", dtype=torch.float32)
    model = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "a")
    model.lm_head.weight[2] += 1
    model.save_pretrained(tmp_path / "b")
    with pytest.raises(UserError, match=r"no valle\.json; transformers does not copy it"):
        read_level0(tmp_path / "b", tmp_path / "run")
    (tmp_path / "b" / MAPPING).write_bytes((tmp_path / "a" / MAPPING).read_bytes())
    read_level0(tmp_path / "b", tmp_path / "run")
    again = load_model(tmp_path / "run", Registry.open(), device=torch.device("cpu"))
    batch = pack([rows()], again.model.rules)
    wanted = theirs(tmp_path / "b", vocabulary.ids_of(rows(), loaded.model.rules), torch.float32)
    bias = torch.tensor(json.loads((tmp_path / "a" / MAPPING).read_text())["bias"])
    found = again.model(batch).logits[0]
    torch.testing.assert_close(
        found, wanted[batch.predicted[0].positions, : vocabulary.answers] + bias, atol=1e-5, rtol=0
    )
    before = loaded.model.float()(pack([rows()], loaded.model.rules)).logits[0]
    assert (found - before)[:, 2].abs().max() > 1e-2  # what was trained there is there
    write_loaded(again, config, tmp_path / "c", dtype=torch.float32)
    again_there = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "c").state_dict()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(again_there[name][: len(tensor)], tensor, atol=0, rtol=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arch": {"name": "retnet"}}, "arch 'retnet' is not LLaMA"),
        ({"alignment": {"name": "pointer"}}, "alignment 'pointer' adds the text to every frame"),
        ({"draft": {"name": "grouped", "size": 2}}, "train without --draft"),
        ({"rewrite": [{"name": "bitlinear"}]}, "train without --rewrite"),
        ({"model": {"parts": "nar"}}, "give the run of level 0"),
        ({"model": {"markers": "sum"}}, "--model.markers token"),
        ({"model": {"sum_levels": "both"}}, "--model.sum-levels response"),
        ({"model": {}}, "model.sum_levels both"),
        ({"model": {"masked": 1, "sum_levels": "none"}}, "--model.masked 0"),
    ],
)
def test_what_ids_cannot_say_is_refused_by_name(change, words):
    with pytest.raises(UserError, match="run cannot be said in one vocabulary: ") as caught:
        refuse_unsayable({"arch": {"name": "llama"}, **change}, "run")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda said: said["ids"].update(code=[0, 9]), "the ids of its valle.json"),
        (lambda said: said.update(format=2), "the format of its valle.json is 2, this valle reads 1"),
        (lambda said: said.update(bias=[1.0]), "the bias of its valle.json must be 9 numbers"),
        (lambda said: said.pop("manifest"), "lacks 'manifest'"),
        (lambda said: said["manifest"].update(symbols=["a"]), "the ids of its valle.json"),
        (lambda said: said["manifest"].update(writes=True), "tasks that answer in writing"),
    ],
)
def test_a_folder_that_lies_is_refused_and_leaves_nothing(kernel, tmp_path, damage, words):
    loaded, config = native(kernel, PLAIN)
    write_loaded(loaded, config, tmp_path / "a", dtype=torch.float32)
    said = json.loads((tmp_path / "a" / MAPPING).read_text())
    damage(said)
    (tmp_path / "a" / MAPPING).write_text(json.dumps(said))
    with pytest.raises(UserError) as caught:
        read_level0(tmp_path / "a", tmp_path / "run")
    assert words in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_rows_of_other_levels_have_no_ids(kernel):
    loaded, _ = native(kernel, {})
    row = rows()
    with pytest.raises(UserError, match="got a row of level 1"):
        OneVocabulary(loaded.model.vocabulary).ids_of(replace(row, level=1), loaded.model.rules)
    with pytest.raises(UserError, match="adds up several tokens"):
        OneVocabulary(loaded.model.vocabulary).ids_of(row, loaded.model.rules)
