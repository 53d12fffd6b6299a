"""The backbones are transformers' Mamba and Mamba-2: same weights, same states, folders that go both ways."""

from __future__ import annotations

import json
import warnings

import pytest
import torch
from valle_mamba.factory import build_mamba, build_mamba2
from valle_mamba.folder import SECOND, save_folder
from valle_mamba.options import Mamba2Options, MambaOptions
from valle_mamba.plugin import TRANSFORMERS_MAMBA, TRANSFORMERS_MAMBA2

from valle_core.plugin import UserError
from valle_core.types import SequenceMask

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore:arch 'mamba.*has no second direction")

KINDS = {
    "mamba": (transformers.MambaModel, transformers.MambaConfig, build_mamba, MambaOptions),
    "mamba2": (transformers.Mamba2Model, transformers.Mamba2Config, build_mamba2, Mamba2Options),
}
both = pytest.mark.parametrize("kind", KINDS)


def reference(kind, seed=3, **changes):
    torch.manual_seed(seed)
    sizes = {"vocab_size": 11, "hidden_size": 32, "num_hidden_layers": 3, "state_size": 6}
    if kind == "mamba2":
        sizes |= {"num_heads": 4, "head_dim": 16, "n_groups": 2, "chunk_size": 16}
    model = KINDS[kind][0](KINDS[kind][1](**sizes | changes)).eval()
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.2)
    return model


def loaded(kind, folder, **options):
    return KINDS[kind][2](KINDS[kind][3](weights=str(folder), **options), attention=None).eval()


def states(backbone, x, lengths=None):
    lengths = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
    positions = torch.arange(x.shape[1]).expand(len(x), -1)
    return backbone.finish(backbone(x, SequenceMask.causal(lengths), positions).h)


def theirs(model, x):
    return model(inputs_embeds=x, use_cache=False).last_hidden_state


@both
@pytest.mark.parametrize(("seed", "T"), [(0, 1), (1, 7), (2, 64), (3, 67), (4, 150)])
@torch.no_grad()
def test_a_saved_model_gives_its_hidden_states(kind, seed, T, tmp_path):
    model = reference(kind, seed)
    model.save_pretrained(tmp_path)
    backbone, x = loaded(kind, tmp_path), torch.randn(2, T, 32)
    want = theirs(model, x)
    torch.testing.assert_close(states(backbone, x), want, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        states(backbone, torch.cat((x, x), 1), torch.tensor([T, T]))[:, :T], want, atol=1e-5, rtol=0
    )
    model.layers[1].mixer.out_proj.weight.mul_(1.1)
    assert (theirs(model, x) - want).abs().max() > 1e-3  # the comparison can fail


@both
def test_gradients_are_those_of_transformers(kind, tmp_path):
    model = reference(kind)
    model.save_pretrained(tmp_path)
    backbone, x, weight = loaded(kind, tmp_path), torch.randn(2, 37, 32), torch.randn(2, 37, 32)
    (states(backbone, x) * weight).sum().backward()
    (theirs(model, x) * weight).sum().backward()
    mine = dict(backbone.named_parameters())
    for name, parameter in model.named_parameters():
        if "embeddings" not in name:
            torch.testing.assert_close(mine[name].grad, parameter.grad, atol=5e-4, rtol=1e-3, msg=name)


@both
@pytest.mark.parametrize(
    "changes",
    [{"use_bias": True}, {"use_conv_bias": False}, {"conv_kernel": 2}, {"expand": 4}, {"layer_norm_epsilon": 1e-2}],
)
@torch.no_grad()
def test_variants_of_the_configuration_are_followed(kind, changes, tmp_path):
    if kind == "mamba2" and "expand" in changes:
        changes = changes | {"num_heads": 8}
    model = reference(kind, **changes)
    model.save_pretrained(tmp_path)
    backbone, x = loaded(kind, tmp_path), torch.randn(2, 21, 32)
    torch.testing.assert_close(states(backbone, x), theirs(model, x), atol=1e-5, rtol=0)
    folder = tmp_path / "again"
    save_folder(backbone, folder)
    again = KINDS[kind][0].from_pretrained(folder).eval()
    torch.testing.assert_close(theirs(again, x), theirs(model, x), atol=1e-6, rtol=0)


@torch.no_grad()
def test_a_limit_of_the_step_sizes_is_followed_in_forward_and_in_steps(tmp_path):
    model = reference("mamba2", time_step_limit=(0.05, 0.3))
    model.save_pretrained(tmp_path)
    backbone, x = loaded("mamba2", tmp_path), torch.randn(2, 9, 32)
    want = theirs(model, x)
    torch.testing.assert_close(states(backbone, x), want, atol=1e-5, rtol=0)
    cache = backbone.new_cache(2, 9, torch.float32, torch.device("cpu"))
    for t in range(9):
        torch.testing.assert_close(backbone.step(x[:, t : t + 1], cache), want[:, t], atol=1e-5, rtol=0)
    save_folder(backbone, tmp_path / "again")
    assert loaded("mamba2", tmp_path / "again").sizes.dt_limit == (0.05, 0.3)


@both
@torch.no_grad()
def test_a_causal_language_model_s_folder_loads_as_well(kind, tmp_path):
    name = {"mamba": "MambaForCausalLM", "mamba2": "Mamba2ForCausalLM"}[kind]
    model = getattr(transformers, name)(reference(kind).config).eval()
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert (tmp_path / "model.safetensors.index.json").exists()
    backbone, x = loaded(kind, tmp_path), torch.randn(2, 5, 32)
    torch.testing.assert_close(states(backbone, x), theirs(model.backbone, x), atol=1e-5, rtol=0)


@both
@torch.no_grad()
def test_our_weights_load_into_transformers_and_back(kind, tmp_path):
    torch.manual_seed(5)
    options = KINDS[kind][3](d_model=32, n_layers=2)
    backbone, table = KINDS[kind][2](options, attention=None).eval(), torch.randn(7, 32)
    for parameter in backbone.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.1)
    save_folder(backbone, tmp_path, embeddings=table)
    model, info = KINDS[kind][0].from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    tokens = torch.randint(7, (2, 23))
    torch.testing.assert_close(
        states(backbone, table[tokens]), model.eval()(tokens, use_cache=False).last_hidden_state, atol=1e-5, rtol=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the second direction came along
        again = loaded(kind, tmp_path)
    assert again.sizes == backbone.sizes
    for name, tensor in backbone.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    one_way = loaded(kind, tmp_path, full_rows="causal")
    save_folder(one_way, tmp_path)
    assert not (tmp_path / SECOND).exists()


@both
def test_a_folder_without_a_second_direction_lends_its_first_and_says_so(kind, tmp_path):
    reference(kind).save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match=r"has no second direction; it starts as a copy of the first"):
        backbone = loaded(kind, tmp_path)
    mixer = backbone.layers[1].mixer
    assert torch.equal(mixer.reverse.A_log, mixer.A_log)
    assert torch.equal(mixer.reverse.conv1d.weight, mixer.conv1d.weight)
    assert bool((mixer.merge.weight == 0.5).all())


@both
def test_parameters_are_those_of_transformers_and_the_second_direction(kind):
    options = KINDS[kind][3](d_model=32, n_layers=2, full_rows="causal")
    mine = KINDS[kind][2](options, attention=None).state_dict()
    sizes = {"vocab_size": 3, "hidden_size": 32, "num_hidden_layers": 2, "state_size": options.d_state}
    if kind == "mamba2":
        sizes |= {"num_heads": 1, "head_dim": 64, "n_groups": 1}
    model = KINDS[kind][0](KINDS[kind][1](**sizes)).state_dict()
    shapes = {name: tensor.shape for name, tensor in model.items() if "embeddings" not in name}
    assert {name: tensor.shape for name, tensor in mine.items()} == shapes


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("mamba", {"model_type": "mamba2"}, "'mamba2', not 'mamba'"),
        ("mamba2", {"model_type": "gpt2"}, "'gpt2', not 'mamba2'"),
        ("mamba", {"hidden_act": "gelu"}, "'gelu', arch 'mamba' knows only 'silu'"),
        ("mamba", {"expand": 1.5}, "expand is 1.5"),
        ("mamba", {"state_size": None}, "state_size"),
        ("mamba2", {"n_groups": 4}, "config.json says"),
        ("mamba", {"num_hidden_layers": 4}, "'layers.3.mixer.A_log' is missing"),
        ("mamba", {"use_conv_bias": False}, "conv1d.bias' is not one of mamba"),
    ],
)
def test_a_folder_that_is_something_else_is_refused(kind, change, words, tmp_path):
    reference(kind).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | change
    (tmp_path / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    with pytest.raises(UserError, match=words):
        loaded(kind, tmp_path, full_rows="causal")


@both
@torch.no_grad()
def test_the_reference_of_the_benchmark_gives_our_states(kind):
    case = next(case for case in (TRANSFORMERS_MAMBA, TRANSFORMERS_MAMBA2) if case.part == kind)
    assert case.bench == "arch"
    backbone = KINDS[kind][2](KINDS[kind][3](d_model=32, n_layers=2), attention=None).eval()
    reference, x = case.load(backbone), torch.randn(2, 12, 32)
    want = states(backbone, x)
    torch.testing.assert_close(reference.forward(x), want, atol=1e-5, rtol=0)
    decoder = reference.decoder(2, 12)
    fed = [decoder.feed(x[:, :7])] + [decoder.feed(x[:, t : t + 1]) for t in range(7, 12)]
    torch.testing.assert_close(torch.cat(fed, 1), want, atol=1e-5, rtol=0)
    held = decoder.nbytes
    assert held > 0
    decoder.feed(x[:, :1])
    assert decoder.nbytes == held
    count = sum(p.numel() for p in reference.parameters())
    assert count == sum(p.numel() for n, p in backbone.named_parameters() if "reverse" not in n and "merge" not in n)


def test_the_reference_says_what_to_install(monkeypatch):
    monkeypatch.setattr("valle_core.plugin.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs transformers\. Install it with: pip install transformers"):
        TRANSFORMERS_MAMBA.load(None)
