"""Mistakes of earlier implementations, and which test stands against each; what no other test covers is tested here."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

GUARDS: dict[str, tuple[str, ...]] = {
    "every data-parallel rank reading the same shard": (
        "plugins/valle-data/tests/test_batching.py::test_ranks_are_disjoint_equally_long_and_together_complete",
        "plugins/valle-data/tests/test_batching.py::test_the_launcher_s_environment_does_not_change_the_parts",
    ),
    "NAR rows running causally because no mask was passed": (
        "tests/model/test_codec_lm.py::test_nonautoregressive_answers_see_the_future_and_never_their_own_level",
        "tests/sequence/test_pack.py::test_a_mixed_batch_is_causal_where_autoregressive_and_full_elsewhere",
        "plugins/valle-testing/src/valle_testing/suites/arch/checks.py::full_rows_see_the_future",
    ),
    "fast paths dropping the padding mask": (
        "plugins/valle-testing/src/valle_testing/suites/attention/checks.py::keeps_padding_out",
        "plugins/valle-testing/src/valle_testing/suites/arch/checks.py::keeps_padding_out",
        "plugins/valle-testing/tests/test_attention_suite.py::test_a_planted_fault_is_caught",
    ),
    "attention computed over the head axis": (
        "plugins/valle-testing/src/valle_testing/suites/attention/checks.py::equals_the_rule",
        "plugins/valle-testing/src/valle_testing/suites/arch/checks.py::keeps_rows_apart",
    ),
    "no working cache": (
        "plugins/valle-testing/src/valle_testing/suites/arch/cache.py::decodes_mixed_rows",
        "tests/synthesis/test_autoregressive.py::test_cached_greedy_decoding_equals_the_full_forward",
    ),
    "repetition penalty dividing negative logits": (
        "plugins/valle-samplers/tests/test_samplers.py::test_a_repeated_token_never_gains_whatever_the_sign_of_its_logit",
    ),
    "penalty decay growing with distance": (
        "plugins/valle-samplers/tests/test_samplers.py::test_the_penalty_weighs_near_tokens_most",
    ),
    "finished rows decoded on": ("tests/synthesis/test_autoregressive.py::test_finished_rows_leave_the_batch",),
    "gradient clipped before unscale": (
        "tests/integration/test_one_step.py::test_a_scaled_loss_is_unscaled_before_its_gradient_is_clipped",
    ),
    "accumulation off by one in the first window": (
        "tests/integration/test_one_step.py::test_accumulated_parts_of_a_batch_change_the_weights_as_the_whole_batch_however_long_its_rows_are",
    ),
    "level weights ignored": (
        "tests/model/test_levels.py::test_draws_follow_the_weights",
        "tests/integration/test_known_mistakes.py::test_level_weights_decide_which_levels_are_trained",
    ),
    "summed embeddings dropping the last level": (
        "tests/model/test_codec_lm.py::test_summed_prompts_contain_the_last_level",
        "tests/model/test_codec_lm.py::test_summed_responses_contain_every_lower_level_and_can_be_switched_on_later",
    ),
    "pickled arrays and evaluated lambdas": (
        "tests/architecture/test_imports.py::test_nothing_turns_data_into_code",
        "tests/integration/test_known_mistakes.py::test_a_pickle_under_the_name_of_weights_is_not_executed",
    ),
    "fp16 overflow to NaN": (
        "tests/integration/test_one_step.py::test_an_overflow_of_a_scaled_loss_skips_the_step_and_lowers_the_scale",
        "tests/synthesis/test_autoregressive.py::test_samplers_see_float32_whatever_the_model_computes_in",
    ),
    "float model sizes raising": ("tests/integration/test_known_mistakes.py::test_derived_sizes_are_whole_numbers",),
    "last index out of range when sampling a batch": (
        "plugins/valle-data/tests/test_batching.py::test_every_batch_stays_within_the_seconds_and_every_utterance_comes_once",
        "tests/data/test_dataset.py::test_reading_all_in_disk_order_gives_every_utterance_once",
    ),
    "filters that silently drop all data": (
        "plugins/valle-data/tests/test_batching.py::test_a_filter_that_leaves_nothing_is_refused_with_its_counts",
        "tests/integration/test_bad_input.py::test_utterances_that_no_batch_can_hold_are_told_and_no_run_is_begun",
    ),
    "watermark step skipped on one route": (
        "tests/synthesis/test_synthesizer.py::test_every_route_passes_the_after_audio_hook_once",
        "tests/integration/test_known_mistakes.py::test_only_the_synthesizer_and_the_files_of_the_command_touch_audio",
    ),
}
"""Mistake → tests and conformance checks. Beam search, mirostat, chunkwise forms, top-nσ and banned tokens are not
there yet."""


def functions(path: str) -> set[str]:
    """Defined in a file, or made by a call as in `test_x = each_is_caught(CASES)`."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    made = (node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call))
    return defined | {one.id for node in made for one in node.targets if isinstance(one, ast.Name)}


@pytest.mark.parametrize("mistake", GUARDS)
def test_a_test_stands_against_the_mistake(mistake):
    for guard in GUARDS[mistake]:
        path, _, name = guard.partition("::")
        assert name in functions(path), f"{guard} is gone: write another against {mistake!r}"


def test_level_weights_decide_which_levels_are_trained(valle, spine, tmp_path):
    words = ("--model.level-distribution", "list", "--model.level-weights", "[0, 1, 0, 0, 0, 0, 3, 0]")
    assert valle(*spine.training(tmp_path / "run", *words))[0] == 0
    metrics = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert {key for line in metrics for key in line if key.startswith("loss_")} == {"loss_1", "loss_6"}


class Bomb:
    """A pickle of it calls open(path, "w") when it is loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_pickle_under_the_name_of_weights_is_not_executed(valle, spine, tmp_path):
    import pickle
    import shutil

    shutil.copytree(spine.run, tmp_path / "run")
    trace = tmp_path / "trace"
    (weights,) = (tmp_path / "run").rglob("model.safetensors")
    weights.write_bytes(pickle.dumps(Bomb(str(trace))))
    code, _, err = valle("synth", "the boat", "--model", tmp_path / "run", "--out", tmp_path / "o.wav")
    assert (code, "model.safetensors" in err) == (2, True)
    assert not trace.exists()
    pickle.loads(weights.read_bytes()).close()
    assert trace.exists(), "the bomb was a dud"


@pytest.mark.parametrize("arch", ["llama", "transformer"])
def test_derived_sizes_are_whole_numbers(valle, spine, tmp_path, arch):
    """Two thirds of four times 40 is no integer."""
    code, _, err = valle(*spine.training(tmp_path / "run", "--arch", arch, "--arch.d-model", "40", "--steps", "1"))
    assert code == 0, err


def test_only_the_synthesizer_and_the_files_of_the_command_touch_audio():
    """`after_audio` is called in one place, and what decodes codes to sound for listeners leaves through it."""

    def touches(node):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr":
            return "codec" in ast.unparse(node.args[0]) and "decode" in ast.unparse(node.args[1])
        return isinstance(node, ast.Attribute) and ast.unparse(node).endswith((".after_audio", "codec.decode"))

    calls = [
        str(path.relative_to(ROOT))
        for folder in ("valle_core", "cli/src", "plugins/valle-data/src", "benchmarks/src")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "templates" not in path.parts  # plugins to grow from
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if touches(node)
    ]
    allowed = {"valle_core/synthesis/synthesizer.py"}  # one of each
    data, bench = "plugins/valle-data/src/valle_data", "benchmarks/src/valle_bench"
    listening = {
        "cli/src/valle_cli/demo/spoken_check.py",  # the control: recordings through the codec, never written
        f"{data}/listening.py",  # `data sample`: recordings through the codec, then through the hook
        f"{data}/embeddings.py",  # recordings through the codec, to be compared, never written
        f"{bench}/codec/cells.py",  # these three: recordings through the codec, to be timed, never written
        f"{bench}/codec/implementations.py",
        f"{bench}/codec/streams.py",
        f"{data}/mixing/mixer.py",  # recordings through the codec, to be mixed and encoded again
    }
    outside = [name for name in calls if name not in allowed | listening]
    assert not outside
    assert calls.count("valle_core/synthesis/synthesizer.py") == 3  # decoding; the hook, and where it is called
