"""The test set of Seed-TTS-eval as its makers lay it out: `meta.lst` with the prompts beside it."""

from __future__ import annotations

from pathlib import Path

from valle_core.plugin import UserError
from valle_eval.presets.lines import inside, lines_of
from valle_eval.sentences import Sentence, check_sentences

FORM = "id|words of the prompt|prompt.wav|text[|recording.wav]"


def seed_tts(folder: Path) -> list[Sentence]:
    """Sentences of `FOLDER/meta.lst`, of `FOLDER/en/meta.lst`, or of a list named itself.

    Raises:
        UserError: there is no such list, a line has another form, or a file is missing or lies outside of the folder.
    """
    found = [path for path in (folder, folder / "meta.lst", folder / "en" / "meta.lst") if path.is_file()]
    if not found:
        raise UserError(f"'{folder}' is not laid out as Seed-TTS-eval: there is no meta.lst or en/meta.lst in it")
    meta = found[0]
    sentences = []
    for number, line in lines_of(meta):
        fields = line.split("|")
        if len(fields) not in (4, 5):
            raise UserError(f"'{meta}', line {number} must be {FORM}, got {line!r:.80}")
        name, prompt_text, prompt, text = (field.strip() for field in fields[:4])
        recording = fields[4].strip() if len(fields) == 5 else ""
        sentences.append(
            Sentence(
                id=name.removesuffix(".wav"),
                text=text,
                language="zh" if meta.parent.name == "zh" else "en",
                voice=inside(meta.parent, prompt, f"'{meta}', line {number}"),
                voice_text=prompt_text,
                reference=inside(meta.parent, recording, f"'{meta}', line {number}") if recording else None,
            )
        )
    check_sentences(sentences, f"'{meta}'")
    return sentences
