"""A dataset reads nothing outside of its folder, and an HDF5 file promises no more than it holds."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_core.reading.place import inside
from valle_data.made_dataset import MADE, made_records, write_dataset
from valle_data.mixing.mix_cache import MixCache
from valle_data.mixing.noise_set import open_noise
from valle_data.similar_index import FILES, open_similar
from valle_data.storage.damage import REPAIR, Damaged
from valle_data.storage.facts import write_index
from valle_data.storage.index import INDEX
from valle_data.storage.rows import row_of


@pytest.fixture(params=["files", "shards", "hdf5"])
def folder(request, tmp_path) -> Path:
    write_dataset(tmp_path / "data", list(made_records(2, seconds=(0.1, 0.2))), storage=request.param)
    return tmp_path / "data"


def record_file(folder: Path) -> Path:
    location = open_dataset(folder).row("0000000").location
    return folder / (location if isinstance(location, str) else location[0])


def relocate(folder: Path, name: str) -> None:
    """Let the index say that the records lie there, with all hashes as they should be."""
    rows = []
    for line in (folder / INDEX).read_text().splitlines():
        stored = json.loads(line)
        location = stored["location"]
        stored["location"] = name if isinstance(location, str) else [name, location[1]]
        rows.append(row_of(stored))
    path = folder / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "index_hash": write_index(folder, rows)}))


def refused(folder: Path, message: str) -> None:
    dataset = open_dataset(folder)
    for read in (lambda: dataset.record("0000000"), lambda: list(dataset.records())):
        with pytest.raises(Damaged, match=message) as raised:
            read()
        assert "\n" not in str(raised.value)
        assert str(raised.value).endswith(REPAIR)


def test_a_location_that_leads_outside_is_refused(folder):
    outside = folder.parent / "outside.bin"
    shutil.copy(record_file(folder), outside)
    for name in ("../outside.bin", str(outside), "utterances/../../outside.bin"):
        relocate(folder, name)
        refused(folder, "lies outside of its folder")


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/stdin", "/proc/self/environ"])
def test_a_device_is_refused(folder, name):
    relocate(folder, name)
    refused(folder, "lies outside of its folder")


@pytest.mark.parametrize("target", ["file", "folder above"])
def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_read(folder, target, tmp_path):
    path = record_file(folder)
    moved = path if target == "file" or path.parent == folder else path.parent
    moved.rename(folder / "elsewhere")
    moved.symlink_to(folder / "elsewhere")
    assert open_dataset(folder).record("0000000").codes.shape[1] == 8
    (folder / "elsewhere").rename(tmp_path / "outside")
    moved.unlink()
    moved.symlink_to(tmp_path / "outside")
    refused(folder, "is a link out of its folder")


def test_a_pipe_is_refused_and_not_waited_for(folder):
    path = record_file(folder)
    path.unlink()
    os.mkfifo(path)
    refused(folder, "it is a pipe, not a file")


@pytest.mark.parametrize("name", ["dataset.json", INDEX])
@pytest.mark.parametrize("kind", ["pipe", "link", "device"])
def test_what_describes_a_dataset_lies_in_it(folder, name, kind, tmp_path):
    outside = (folder / name).rename(tmp_path / "outside")
    if kind == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to(outside if kind == "link" else "/dev/zero")
    with pytest.raises(UserError, match=r"a pipe, not a file|a link out of its folder"):
        open_dataset(folder)


def test_columns_that_lie_elsewhere_are_not_used(folder, tmp_path):
    outside = (folder / "index.safetensors").rename(tmp_path / "outside")
    (folder / "index.safetensors").symlink_to(outside)
    assert not open_dataset(folder)._index.stored


def test_records_lie_as_the_storage_says(folder):
    stored = json.loads((folder / "dataset.json").read_text())
    other = {"files": "shards", "shards": "files", "hdf5": "files"}[stored["storage"]]
    (folder / "dataset.json").write_text(json.dumps({**stored, "storage": other}))
    with pytest.raises(UserError, match="do not lie as storage"):
        open_dataset(folder)


def test_similar_indexes_mixes_and_noise_sets_are_no_pipes(tmp_path):
    manifest = write_dataset(tmp_path, list(made_records(2, seconds=(0.1, 0.2))))
    os.mkfifo(tmp_path / FILES[False])
    with pytest.raises(UserError, match="pipe"):
        open_similar(tmp_path, manifest)
    cache = MixCache(tmp_path, 1000, MADE)
    (tmp_path / "ab").mkdir()
    os.mkfifo(tmp_path / "ab/abcd.safetensors")
    assert cache.get("abcd") is None
    (tmp_path / "dataset.json").unlink()
    os.mkfifo(tmp_path / "dataset.json")
    with pytest.raises(UserError, match=r"pipe.*Run the same `valle prepare-noise` with --repair"):
        open_noise(tmp_path, MADE, tmp_path)


def test_a_damaged_noise_recording_names_what_repairs_noise(tmp_path):
    write_dataset(tmp_path, list(made_records(1, seconds=(0.1, 0.2))))
    stored = json.loads((tmp_path / "dataset.json").read_text())
    (tmp_path / "dataset.json").write_text(json.dumps({**stored, "frontend": "none"}))
    noise = open_noise(tmp_path, MADE, tmp_path)
    record_file(tmp_path).write_bytes(b"")
    from random import Random

    with pytest.raises(UserError, match="Run the same `valle prepare-noise` with --repair"):
        noise.noise(3, Random(0))


@pytest.mark.parametrize("name", ["", None, 3, "a\0b", ".", "sub"])
def test_names_that_are_none_are_refused(tmp_path, name):
    (tmp_path / "sub").mkdir()
    with pytest.raises(ValueError, match=r"is not the name of a file|it is a folder"):
        inside(tmp_path, name)


# --- HDF5 ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def packed(tmp_path) -> Path:
    write_dataset(tmp_path / "data", list(made_records(2, seconds=(0.1, 0.2))), storage="hdf5")
    return tmp_path / "data"


def rewrite(folder: Path, change) -> None:
    with h5py.File(record_file(folder), "r+") as file:
        codes = file["codes"][:]
        del file["codes"]
        change(file, codes)


def outside_file(folder: Path, codes) -> Path:
    path = folder.parent / "outside.h5"
    with h5py.File(path, "w") as file:
        file["codes"] = codes
    codes.tofile(folder.parent / "outside.raw")
    return path


def virtual(file, codes, folder):
    layout = h5py.VirtualLayout(shape=codes.shape, dtype=codes.dtype)
    layout[:] = h5py.VirtualSource(str(outside_file(folder, codes)), "codes", shape=codes.shape)
    file.create_virtual_dataset("codes", layout)


def unwritten(file):
    """A terabyte for the last record, with offsets that agree."""
    file.create_dataset("codes", (1 << 40, 8), np.uint8, chunks=(1 << 16, 8))
    file["codes_offsets"][-1] = 1 << 40


HDF5 = {
    "an external link": lambda file, codes, folder: file.__setitem__(
        "codes", h5py.ExternalLink(str(outside_file(folder, codes)), "codes")
    ),
    "a soft link": lambda file, codes, folder: (
        file.__setitem__("other", codes),
        file.__setitem__("codes", h5py.SoftLink("/other")),
    ),
    "external storage": lambda file, codes, folder: file.create_dataset(
        "codes",
        codes.shape,
        codes.dtype,
        external=[(str(outside_file(folder, codes).with_suffix(".raw")), 0, codes.nbytes)],
    ),
    "a virtual dataset": virtual,
    "a group": lambda file, codes, folder: file.create_group("codes"),
    "compression": lambda file, codes, folder: file.create_dataset("codes", data=codes, compression="gzip"),
    "gigabytes that were never written": lambda file, codes, folder: unwritten(file),
    "strings": lambda file, codes, folder: file.create_dataset(
        "codes", data=codes.astype("S1").astype(object), dtype=h5py.string_dtype()
    ),
    "floats": lambda file, codes, folder: file.create_dataset("codes", data=codes.astype(np.float32)),
    "another number of frames": lambda file, codes, folder: file.create_dataset("codes", data=codes[:-1]),
    "three dimensions": lambda file, codes, folder: file.create_dataset("codes", data=codes[..., None]),
}


@pytest.mark.parametrize("kind", HDF5)
def test_hdf5_that_is_not_as_it_is_written_here_is_refused(packed, kind):
    rewrite(packed, lambda file, codes: HDF5[kind](file, codes, packed))
    refused(packed, r"'codes' |offsets of its rows")


def test_shard_offsets_that_lie_are_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    write_dataset(tmp_path / "data", list(made_records(2, seconds=(0.1, 0.2))), storage="shards")
    path = record_file(tmp_path / "data")
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    for offsets in ([0, 3], [0, 9**9, len(tensors["codes"])], [-5, 3, len(tensors["codes"])], [0, 0, 0], []):
        save_file({**tensors, "codes_offsets": torch.tensor(offsets, dtype=torch.int64)}, path)
        refused(tmp_path / "data", "offsets of its rows")
