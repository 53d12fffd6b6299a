"""`valle prepare-noise` and `valle data similar` on a real corpus, and what the built-in codec makes of a mix."""

from __future__ import annotations

import json
import math
from random import Random

import numpy as np
import pytest
import torch

from valle_core.audio.wav import load, write
from valle_core.data.dataset import open_dataset
from valle_data.audio.levels import active_samples
from valle_data.mixing.mix_cache import MixCache
from valle_data.mixing.mixer import Mixer


@pytest.fixture(scope="module")
def noises(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noises")
    wav = 0.1 * np.random.default_rng(0).standard_normal(3 * 16_000)
    write(folder / "fan" / "a.wav", wav.astype(np.float32), 16_000)
    (folder / "fan" / "b.wav").write_text("no audio")
    return folder


def test_noise_is_prepared_validated_listed_and_trained_with(valle, spine, noises, tmp_path, refused):
    noise = tmp_path / "noise"
    words = ["prepare-noise", noises, "--out", noise, "--codec", "mel-gl", "--device", "cpu"]
    code, out, err = valle(*words, "--json")
    assert code == 0, err
    assert (json.loads(out)["utterances"], json.loads(out)["rejected"]) == (1, {"bad-audio": 1})
    code, out, _ = valle(*words, "--quiet")
    assert (code, out.splitlines()[0]) == (0, "1 pieces of noise with 1 labels, 0.1 minutes (0 new, 1 kept, 0 removed)")
    assert valle("data", "validate", noise, "--quiet")[:2] == (0, "1 utterances, all well\n")
    assert valle("data", "list", noise, "--speaker", "fan")[1].startswith("fan/a\tfan\tund\t3.00\t")
    code, _, err = valle(*spine.training(tmp_path / "run", "--steps", "1", "--data.noise", str(noise)))
    assert code == 0, err
    line = refused(*spine.training(tmp_path / "no", "--data.noise", str(spine.data)))
    assert "is a dataset of speech" in line
    line = refused("train", "--data", str(noise), *spine.training(tmp_path / "no")[3:])
    assert "holds noise without text" in line


def test_noise_of_another_codec_is_refused_and_both_are_named(valle, spine, noises, tmp_path, refused):
    valle("prepare-noise", noises, "--out", tmp_path / "noise", "--device", "cpu", "--quiet")
    line = refused(*spine.training(tmp_path / "no", "--data.noise", str(tmp_path / "noise")))
    assert "codec 'mel-gl'" in line
    assert "'tiny'" in line


def test_preparing_noise_without_folders_says_so(refused, noises, tmp_path):
    assert "no folder of recordings given" in refused("prepare-noise", "--out", tmp_path / "n")
    assert "no folder for the noise given" in refused("prepare-noise", noises)


def test_similar_prompts_need_the_index_that_the_message_makes(valle, spine, tmp_path, refused):
    import shutil

    data = shutil.copytree(spine.data, tmp_path / "data")
    words = ["train", "--data", str(data), *spine.training(tmp_path / "run", "--task.prompt", "similar")[3:]]
    words += ["--task.similar", "2", "--steps", "1"]
    line = refused(*words)
    assert line.endswith(f"Make it: valle data similar {data}")
    code, out, err = valle("data", "similar", data, "--neighbours", "2", "--device", "cpu", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["nearest"] > found["random"]
    assert valle(*words)[0] == 0
    code, out, _ = valle("data", "similar", data, "--by", "speaker", "--across", "--device", "cpu", "--quiet")
    assert (code, "similar-across.safetensors: up to 16 neighbours of 8 utterances" in out) == (0, True)
    stored = json.loads((data / "dataset.json").read_text())
    (data / "dataset.json").write_text(json.dumps(stored | {"held_out": stored["held_out"][1:]}))
    line = refused(*words[:-1], "2", "--out", str(tmp_path / "other"))
    assert line.endswith(f"Make it again: valle data similar {data} --by codec")


def test_a_mix_of_the_built_in_codec_has_its_ratio(spine):
    """After decoding again: speech twice with a pause between, whose level is the noise's."""
    from valle_codec_tiny.codec import build
    from valle_codec_tiny.options import TinyOptions

    codec = build(TinyOptions(), device=torch.device("cpu"))
    sound = torch.from_numpy(load(spine.prompt, 16_000))[: 16_000 // 320 * 320]
    a = torch.cat([sound, torch.zeros(16_000), sound])
    b = 0.1 * torch.from_numpy(np.random.default_rng(1).standard_normal(20_000)).float()
    codes = [codec.encode(wav[None], torch.tensor([len(wav)]))[0][0] for wav in (a, b)]
    mixer = Mixer(codec.identity, lambda: codec, MixCache(None, 0, codec.identity))
    plain, _ = codec.decode(codes[0][None], torch.tensor([len(codes[0])]))
    speech = active_samples(plain[0], 16_000)
    pause = slice(len(sound) + 3200, len(sound) + 12_800)
    found = {}
    for db in (5.0, 10.0, 15.0):
        mixed = mixer.mix(*codes, db)
        decoded = codec.decode(mixed[None], torch.tensor([len(mixed)]))[0][0].double()
        noise = float(decoded[pause].square().mean())
        found[db] = 10 * math.log10((float(decoded[speech].square().mean()) - noise) / noise)
    assert found == {db: pytest.approx(db, abs=3.0) for db in found}
    assert found[5.0] + 3 < found[10.0] < found[15.0] - 3


def test_prompts_of_a_real_corpus_are_more_alike_when_similar(valle, spine, tmp_path):
    """Mean cosine, by the voices of the decoded sound, of utterances and what `similar` and `random` draw from."""
    import shutil

    from valle_codec_tiny.mel_gl import build
    from valle_codec_tiny.options import MelGriffinLimOptions

    from valle_core.data.pool import TrainingPool
    from valle_data.embeddings import embed
    from valle_data.neighbours import normalised

    data = shutil.copytree(spine.data, tmp_path / "data")
    assert valle("data", "similar", data, "--neighbours", "1", "--device", "cpu", "--quiet")[0] == 0
    pool = TrainingPool(open_dataset(data))
    codec = build(MelGriffinLimOptions(iterations=1), device=torch.device("cpu"))
    vectors = normalised(embed(pool.dataset, codec, "speaker"))
    place = {row.id: number for number, row in enumerate(pool.dataset.stored_rows())}

    def mean(ids_of):
        return np.mean([vectors[place[id]] @ vectors[place[one]] for id in pool.dataset.ids for one in ids_of(id)])

    similar = mean(lambda id: pool.similar(id, 1))
    anyone = mean(lambda id: Random(id).sample(list(pool.other(pool.dataset.row(id).speaker, id)), 3))
    assert similar > anyone
