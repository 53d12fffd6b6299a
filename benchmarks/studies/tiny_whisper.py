"""A small Whisper trained from nothing on spoken digits: does the recognizer really recognise, and when is each word?

Speakers are espeak-ng's variants; sequences of one to four digits are drawn anew for each speaker, so neither a voice
nor (but for the shortest) a sequence of the held-out group occurs in training.

    nice -n 10 python benchmarks/studies/tiny_whisper.py --work runs/tiny-whisper --minutes 20 --seed 1 \
        --out benchmarks/results/tiny-whisper.md

The folder `runs/tiny-whisper/model` is then what `--recognizer.weights` takes. `--minutes 0` judges what is there.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer
from valle_corpus.engines.espeak_voices import variants
from valle_corpus.plan import CorpusPlan
from valle_corpus.writing import write_corpus
from valle_whisper.features import log_mel, mel_filters
from valle_whisper.options import WhisperOptions
from valle_whisper.parts import Sound
from valle_whisper.recognizer import WhisperRecognizer, build
from valle_whisper.untrained import make_config, make_generation, make_tokenizer

from valle_cli.demo.word_errors import wer
from valle_core.audio.wav import read

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SECONDS = 4
"""Of the window: a spectrogram of 400 frames in place of Whisper's 3000."""

SIZES = {
    "d_model": 64,
    "encoder_layers": 3,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 256,
    "decoder_ffn_dim": 256,
    "max_target_positions": 32,
}
ACCENTS = ("en-us", "en", "en-gb-x-rp")
STEP_OF_TIMES = 5
"""Timestamps are taught in steps of 0.1 s (five of their 0.02 s)."""

NAMES = ("recognized, where the text is right", "aligned", "equal shares between the true start and end")

NOISE_SHARE = 0.04
"""Of the examples that are noise without speech."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A recording.

    Attributes:
        path: of the wav.
        mel: [M, T] of its window.
        words: that are said.
        times: start and end of each, seconds; the first includes the pause before it.
        sound_from: when that pause ends.
        frames: of the recording itself, 10 ms each.
    """

    path: Path
    wav: Tensor
    mel: Tensor
    words: tuple[str, ...]
    times: tuple[tuple[float, float], ...]
    sound_from: float
    frames: int


def speak(folder: Path, *, held_out: bool, each: int, seed: int, accents: int) -> None:
    """Write a corpus per speaker, with a script of its own; what is there is kept."""
    for index, variant in enumerate(variants(held_out=held_out) * accents):
        accent = ACCENTS[(index + index // len(variants(held_out=held_out))) % len(ACCENTS)]
        place = folder / f"{index:03d}"
        if (place / "corpus.json").exists():
            continue
        rng = Random(f"digits {seed} {held_out} {index}")
        script = tuple(" ".join(rng.choices(DIGITS, k=rng.randint(1, 4))) for _ in range(each))
        plan = CorpusPlan(speakers=(f"{accent}+{variant}",), script=script, sample_rate=16000, seed=seed)
        write_corpus(place, plan, workers=1)


def load(folder: Path, sound: Sound) -> list[Example]:
    """The recordings below a folder that fit into the window."""
    filters, found = mel_filters(sound), []
    for path in sorted(folder.rglob("*.json")):
        if path.name == "corpus.json":
            continue
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["seconds"] > SECONDS:
            continue
        wav = torch.from_numpy(read(path.with_suffix(".wav"))[0])
        sound_from = next(start for label, start, _ in facts["phonemes"] if label)
        found.append(
            Example(
                path=path.with_suffix(".wav"),
                wav=wav,
                mel=log_mel(wav, sound, filters),
                words=tuple(facts["text"].split()),
                times=tuple((start, end) for _, start, end in facts["words"]),
                sound_from=sound_from,
                frames=len(wav) // sound.hop,
            )
        )
    return found


class Student(nn.Module):
    """The network to train, and a head that helps the encoder to a start: which word is under way? It is dropped later.

    The decoder and its attention, from which the times come, are never told when a word is said.
    """

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.whisper = WhisperForConditionalGeneration(config)
        self.under_way = nn.Linear(config.d_model, 1 + len(DIGITS))

    def forward(self, mels: Tensor, rows: list[list[int]], spoken: Tensor) -> tuple[Tensor, Tensor]:
        """Losses of the tokens `rows` and of the head; `spoken` [B, T / 2] holds 0 or 1 + the digit."""
        states = self.whisper.model.encoder(mels).last_hidden_state  # [B, T / 2, D]
        width = max(len(row) for row in rows)
        tokens = torch.tensor([row + [-100] * (width - len(row)) for row in rows])
        inputs = tokens[:, :-1].clamp(min=0)
        hidden = self.whisper.model.decoder(input_ids=inputs, encoder_hidden_states=states, use_cache=False)
        logits = self.whisper.proj_out(hidden.last_hidden_state)
        text = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=-100)
        helper = F.cross_entropy(self.under_way(states).flatten(0, 1), spoken.flatten())
        return text, helper


class Teacher:
    """Draws batches: a recording somewhere in the window, with or without timestamps; now and then only noise."""

    def __init__(self, examples: list[Example], tokenizer: WhisperTokenizer, seed: int) -> None:
        self.examples, self.rng = examples, Random(f"batches {seed}")
        self.generator = torch.Generator().manual_seed(seed)
        self.token: dict[str, Any] = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in (
            "startoftranscript", "en", "transcribe", "notimestamps", "nospeech", "0.00", "endoftext")}  # fmt: skip
        self.word = {word: tokenizer.encode(f" {word}", add_special_tokens=False) for word in DIGITS}

    def batch(self, size: int, longest: int) -> tuple[Tensor, list[list[int]], Tensor]:
        """`size` examples of at most `longest` words: spectrograms, tokens, and which word is under way when."""
        mels, rows, spoken = [], [], []
        while len(rows) < size:
            if self.rng.random() < NOISE_SHARE:
                level = self.rng.uniform(-1.5, 0.5)
                noise = torch.randn(self.examples[0].mel.shape, generator=self.generator)
                mels.append(level + 0.15 * noise)
                rows.append([self.token["startoftranscript"], self.token["nospeech"], self.token["endoftext"]])
                spoken.append(torch.zeros(SECONDS * 50, dtype=torch.long))
                continue
            example = self.rng.choice(self.examples)
            if len(example.words) <= longest:
                mel, row, when = self._placed(example)
                mels.append(mel)
                rows.append(row)
                spoken.append(when)
        return torch.stack(mels), rows, torch.stack(spoken)

    def _placed(self, example: Example) -> tuple[Tensor, list[int], Tensor]:
        """Moved to a random place of the window, louder or softer, with some bands and frames hidden (SpecAugment)."""
        shift = self.rng.randint(0, max(example.mel.shape[1] - example.frames - 1, 0)) if self.rng.random() < 0.7 else 0
        mel = torch.full_like(example.mel, float(example.mel.min()))
        mel[:, shift:] = example.mel[:, : example.mel.shape[1] - shift]
        mel += self.rng.uniform(-0.3, 0.3)
        band, frame = self.rng.randint(0, 70), self.rng.randint(0, mel.shape[1] - 20)
        mel[band : band + self.rng.randint(0, 10)] = mel.mean()
        mel[:, frame : frame + self.rng.randint(0, 12)] = mel.mean()
        when = torch.zeros(SECONDS * 50, dtype=torch.long)
        for word, (start, end) in zip(example.words, example.times, strict=True):
            when[round(50 * start + shift / 2) : round(50 * end + shift / 2)] = 1 + DIGITS.index(word)
        words = [token for word in example.words for token in self.word[word]]
        head = [self.token["startoftranscript"], self.token["en"], self.token["transcribe"]]
        if self.rng.random() < 0.5:
            return mel, [*head, self.token["notimestamps"], *words, self.token["endoftext"]], when
        start, end = (
            self.token["0.00"] + STEP_OF_TIMES * round(10 * (time + shift / 100))
            for time in (example.times[0][0], example.times[-1][1])
        )
        last = min(end, self.token["0.00"] + 50 * SECONDS)
        return mel, [*head, start, *words, last, self.token["endoftext"]], when


def train(student: Student, teacher: Teacher, *, minutes: float, steps: int, batch: int, peak: float) -> list[dict]:
    """AdamW with a cosine over the steps or the minutes, whichever is sooner; the log."""
    optimizer = torch.optim.AdamW(student.parameters(), lr=peak, weight_decay=0.01, betas=(0.9, 0.98))
    student.train()
    began, log = time.monotonic(), []
    for step in range(1, steps + 1):
        done = max((time.monotonic() - began) / (60 * minutes), step / steps)
        if done >= 1 and step < steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = peak * min(step / 100, 1) * (0.5 + 0.5 * torch.cos(torch.tensor(done * torch.pi)).item())
        text, helper = student(*teacher.batch(batch, longest=1 if done < 0.05 else 2 if done < 0.15 else 4))
        optimizer.zero_grad()
        (text + helper).backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0:
            seconds = round(time.monotonic() - began)
            log.append(
                {"step": step, "text": round(text.item(), 3), "helper": round(helper.item(), 3), "seconds": seconds}
            )
            print(log[-1], flush=True)
    student.eval()
    return log


def save(student: Student, tokenizer: WhisperTokenizer, config: WhisperConfig, folder: Path) -> None:
    """A folder as `--recognizer.weights` takes it, in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: tensor.half().contiguous()
        for name, tensor in student.whisper.state_dict().items()
        if name != "proj_out.weight"  # it is the embedding
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    make_generation(tokenizer, config).save_pretrained(folder)
    WhisperFeatureExtractor(chunk_length=SECONDS).save_pretrained(folder)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the recognizer made of held-out speech.

    Attributes:
        utterances: how many.
        words: said in them.
        wrong: substitutions, deletions and insertions.
        exact: utterances without any.
        english: utterances whose language was detected as it is.
        times: of differences in ms from the corpus's times, by name; only where several words are said.
        noise: of 40 clips without speech, those in which something was recognized.
    """

    utterances: int
    words: int
    wrong: int
    exact: int
    english: int
    times: dict[str, list[float]]
    noise: int


def judge(recognizer: WhisperRecognizer, examples: list[Example], seed: int) -> Verdict:
    """Hear, and align, every example behind a silence of its own, so that no time can be guessed from the start."""
    rng, wrong, exact, english = Random(f"judge {seed}"), 0, 0, 0
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    for example in examples:
        room = SECONDS * 16000 - len(example.wav)
        lead = rng.randint(0, min(room, 12000))
        wav = F.pad(example.wav, (lead, 0))[None]
        length, text = torch.tensor([wav.shape[1]]), " ".join(example.words)
        (transcript,) = recognizer.transcribe(wav, length, languages=[None])
        mistakes = round(wer(text, transcript.text) * len(example.words))
        wrong, exact, english = wrong + mistakes, exact + (not mistakes), english + (transcript.language == "en")
        true = [(max(start, example.sound_from) + lead / 16000, end + lead / 16000) for start, end in example.times]
        if len(true) == 1:  # nothing between words to place
            continue
        if transcript.text == text:
            found = [word for segment in transcript.segments for word in segment.words]
            times[NAMES[0]] += differences([(word.start, word.end) for word in found], true)
        (placed,) = recognizer.align(wav, length, [text], languages=["en"])
        times[NAMES[1]] += differences([(word.start, word.end) for word in placed], true)
        edges = torch.linspace(true[0][0], true[-1][1], len(true) + 1).tolist()
        times[NAMES[2]] += differences(list(pairwise(edges)), true)
    generator = torch.Generator().manual_seed(seed)
    clips = [10 ** rng.uniform(-2.5, -0.5) * torch.randn(1, 32000, generator=generator) for _ in range(40)]
    noise = sum(
        bool(recognizer.transcribe(clip, torch.tensor([32000]), languages=["en"])[0].segments) for clip in clips
    )
    return Verdict(
        utterances=len(examples),
        words=sum(len(example.words) for example in examples),
        wrong=wrong,
        exact=exact,
        english=english,
        times=times,
        noise=noise,
    )


def differences(found: list[tuple[float, float]], true: list[tuple[float, float]]) -> list[float]:
    """Of all starts and ends, in ms."""
    return [1000 * abs(a - b) for one, other in zip(found, true, strict=True) for a, b in zip(one, other, strict=True)]


def table(verdict: Verdict) -> list[str]:
    """The verdict as Markdown."""
    lines = ["| times of words | words | median | 90 % within |", "|---|---|---|---|"]
    for name, values in verdict.times.items():
        ordered = sorted(values) or [float("nan")]
        middle, late = (ordered[min(int(share * len(ordered)), len(ordered) - 1)] for share in (0.5, 0.9))
        lines.append(f"| {name} | {len(values) // 2} | {middle:.0f} ms | {late:.0f} ms |")
    rate = 100 * verdict.wrong / verdict.words
    return [
        f"Held out: {verdict.utterances} utterances, {verdict.words} words. **WER {rate:.1f} %**, "
        f"{verdict.exact} utterances without an error; language detected in {verdict.english}; something recognized in "
        f"{verdict.noise} of 40 clips of noise.",
        "",
        *lines,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for the corpus and the model")
    parser.add_argument("--minutes", type=float, default=20, help="of training, at most")
    parser.add_argument("--steps", type=int, default=4000, help="of training, at most")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--peak", type=float, default=2e-3, help="learning rate")
    parser.add_argument("--utterances", type=int, default=16, help="of each training speaker")
    parser.add_argument("--accents", type=int, default=2, help="speakers of each voice variant")
    parser.add_argument("--held-out", type=int, default=12, help="utterances of each held-out speaker")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="Markdown file for the figures")
    parser.add_argument("--note", default="", help="hardware, commit, date: anything the page should say")
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    sound = Sound(seconds=SECONDS)
    corpus = given.work / f"corpus-{given.seed}"
    implementations = {"train": (False, given.utterances, given.accents), "held-out": (True, given.held_out, 2)}
    for implementation, (held_out, each, accents) in implementations.items():
        speak(corpus / implementation, held_out=held_out, each=each, seed=given.seed, accents=accents)
    if given.minutes:
        examples = load(corpus / "train", sound)
        print(f"{len(examples)} training utterances", flush=True)
        tokenizer = make_tokenizer(DIGITS, languages=("en",), seconds=SECONDS)
        config = make_config(tokenizer, seconds=SECONDS, **SIZES)
        student = Student(config)
        teacher = Teacher(examples, tokenizer, given.seed)
        how = {"minutes": given.minutes, "steps": given.steps, "batch": given.batch, "peak": given.peak}
        log = train(student, teacher, **how)
        save(student, tokenizer, config, given.work / "model")
        (given.work / "log.json").write_text(json.dumps(log), encoding="utf-8")
    recognizer = build(WhisperOptions(weights=str(given.work / "model")), device=torch.device("cpu"))
    page = table(judge(recognizer, load(corpus / "held-out", sound), given.seed))
    print("\n".join(page))
    if given.out:
        head = ["# A small Whisper trained on spoken digits", "", given.note, ""]
        given.out.write_text("\n".join([*head, *page, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
