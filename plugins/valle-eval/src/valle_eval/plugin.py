"""What this distribution offers: metrics, and the command `valle eval`."""

from __future__ import annotations

from valle_core.plugin import CommandSpec, PluginSpec, Requirement


def _metric(
    name: str,
    summary: str,
    where: str,
    needs: str = "",
    *,
    options: str = "NoOptions",
    extra: str = "",
    package: str = "",
    modules: str = "",
    licence: str = "Apache-2.0",
    paper: str = "",
    weights: str = "",
    advisories: tuple[str, ...] = (),
) -> PluginSpec:
    """A spec whose `needs` and `modules` are words.

    `extra` is the extra of this distribution that installs the modules; `package` what must be installed by itself, for
    its own requirements cannot be.
    """
    steps = [f"valle plugins install 'valle-eval[{extra}]'"] if extra else []
    hint = " && ".join([*steps, *([f"pip install --no-deps {package}"] if package else [])])
    return PluginSpec(
        kind="metric",
        name=name,
        api=1,
        summary=summary,
        factory=f"valle_eval.metrics.{where}",
        options=f"valle_eval.metrics.options:{options}",
        devices=("cpu", "cuda"),
        dtypes=(),
        capabilities=frozenset(needs.split()),
        requires=tuple(Requirement(module=module, hint=hint) for module in modules.split()),
        licence=licence,
        paper=paper,
        weights=weights,
        advisories=advisories,
    )


WER = _metric(
    "wer",
    "Word errors of a recognizer's transcript, per word of the text",
    "word_errors:build_wer",
    "text transcript",
    options="WordOptions",
)
CER = _metric(
    "cer",
    "Character errors of a recognizer's transcript, per character of the text",
    "word_errors:build_cer",
    "text transcript",
    options="WordOptions",
)
PER = _metric(
    "per",
    "Phoneme errors against a recording of the same text, or against its pronunciation",
    "phoneme_errors:build",
    "phones expected",
)
ALIGNMENT = _metric(
    "alignment",
    "Skips, repeats and run-ons: stretches of phonemes that are missing or too many",
    "alignment:build",
    "phones expected",
    options="AlignmentOptions",
)
ENDING = _metric("ending", "Speech that ran into its bound instead of ending by itself", "facts:build_ending", "ended")
SIMILARITY = _metric(
    "similarity",
    "Cosine of speaker embeddings: the speech against another recording of the speaker (resemblyzer)",
    "similarity:build",
    "voice",
    extra="similarity",
    package="resemblyzer==0.1.4",
    modules="resemblyzer librosa webrtcvad",
    licence="Apache-2.0 (resemblyzer with its weights too)",
    paper="arXiv 1710.10467",
    weights="in the package resemblyzer",
)
DISTILLMOS = _metric(
    "distillmos",
    "Predicted opinion of quality, 1 to 5 (DistillMOS)",
    "distillmos:build",
    package="distillmos==0.9.1 xls-r-sqa==0.1.0",
    modules="distillmos xls_r_sqa",
    licence="Apache-2.0; DistillMOS and XLS-R-SQA: MIT",
    paper="arXiv 2502.05356",
    weights="in the package distillmos",
    advisories=("A network's guess of what listeners would say; it was made for telephony, not for synthesis.",),
)
DNSMOS = _metric(
    "dnsmos",
    "Predicted opinion of speech, background and both, 1 to 5 (DNSMOS P.835 and P.808)",
    "dnsmos:build",
    extra="dnsmos",
    modules="speechmos librosa onnxruntime requests",
    licence="Apache-2.0; speechmos and its weights: MIT",
    paper="arXiv 2110.01763",
    weights="in the package speechmos",
)
PESQ = _metric(
    "pesq",
    "Perceptual distance to the recording a sound was made from (PESQ wideband, ITU-T P.862.2)",
    "intrusive:build_pesq",
    "source",
    extra="pesq",
    modules="pesq",
    licence="Apache-2.0; pesq: MIT",
    paper="ITU-T P.862.2",
)
STOI = _metric(
    "stoi",
    "Intelligibility against the recording a sound was made from (STOI)",
    "intrusive:build_stoi",
    "source",
    extra="stoi",
    modules="pystoi",
    licence="Apache-2.0; pystoi: MIT",
    paper="doi 10.1109/TASL.2011.2114881",
)
PACE = _metric("pace", "Duration, words per minute, and duration against the recording's", "facts:build_pace", "text")
RTF = _metric("rtf", "Seconds of computing per second of speech", "facts:build_rtf", "making")

EVAL = CommandSpec(
    name="eval",
    api=2,
    summary="Evaluate speech: word errors, speaker similarity and naturalness",
    run="valle_eval.command:evaluate",
    schema="valle_eval.command:SCHEMA",
    progress=True,
    examples=(
        "valle eval spoken.jsonl --out eval/first",
        "valle eval spoken.jsonl --out eval/second --against eval/first/result.json",
        "valle eval --preset box --model runs/first --voices prompts/ --out eval/box --control shuffled-text",
        "valle eval recordings.jsonl --model runs/first --ceiling --out eval/held-out",
        "valle eval seedtts_testset/ --preset seed-tts --model runs/first --out eval/seed-tts --split none",
    ),
)
