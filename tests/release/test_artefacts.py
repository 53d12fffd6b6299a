"""What is built holds all it must: seen in what hatchling would put in, and in archives that lack or hold something."""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from functools import cache
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from release import artefacts
from release.closure import of_others
from release.metadata import folders, project_of

ROOT = Path(__file__).parents[2]
EVERY = {project_of(folder)["name"]: folder for folder in folders()}


@cache
def tracked(folder: Path) -> tuple[str, ...]:
    """The files of a folder that are committed, or would be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a checkout of git")
    return tuple(line for line in done.stdout.splitlines() if (folder / line).is_file())


def sdist_of(folder: Path) -> list[str]:
    stem = artefacts.stem_of(folder)
    found = [one.distribution_path for one in SdistBuilder(str(folder)).recurse_included_files()]
    return [f"{stem}/{name}" for name in {*found, "pyproject.toml", "PKG-INFO"}]


def wheel_of(folder: Path) -> list[str]:
    builder, info = WheelBuilder(str(folder)), f"{artefacts.stem_of(folder)}.dist-info"
    files = [one.distribution_path for one in builder.recurse_included_files()]
    licences = [f"{info}/licenses/{name}" for name in builder.metadata.core.license_files]
    return [*files, *licences, f"{info}/METADATA"]


@pytest.mark.parametrize("name", EVERY)
def test_an_sdist_holds_all_that_its_wheel_is_built_from_and_nothing_of_another(name):
    assert artefacts.complaints_about_sdist(sdist_of(EVERY[name]), EVERY[name], tracked(EVERY[name])) == []


@pytest.mark.parametrize("name", EVERY)
def test_a_wheel_holds_its_packages_their_types_and_their_licence(name):
    assert artefacts.complaints_about_wheel(wheel_of(EVERY[name]), EVERY[name], tracked(EVERY[name])) == []


def test_the_voice_travels_with_its_weights_licence_notice_and_model_card():
    folder = EVERY["valle-voice"]
    stem = artefacts.stem_of(folder)
    model = [f"model/{one}" for one in ("voices.safetensors", "ar/model.safetensors", "nar/model.safetensors")]
    terms = ["LICENSE", "NOTICE", "MODEL_CARD.md"]
    sdist, wheel = sdist_of(folder), wheel_of(folder)
    assert {f"{stem}/src/valle_voice/{one}" for one in model} | {f"{stem}/{one}" for one in terms} <= {*sdist}
    assert {f"valle_voice/{one}" for one in model} | {f"{stem}.dist-info/licenses/{one}" for one in terms} <= {*wheel}


POINTER = ROOT / "plugins" / "valle-pointer"


def test_what_an_archive_lacks_is_named():
    names = sdist_of(POINTER)
    stem, some = artefacts.stem_of(POINTER), tracked(POINTER)
    for lacking in ("LICENSE", "README.md", "src/valle_pointer/py.typed"):
        left = [one for one in names if one != f"{stem}/{lacking}"]
        assert artefacts.complaints_about_sdist(left, POINTER, some) == [f"{stem}.tar.gz lacks {lacking}"]
    names = wheel_of(POINTER)
    for lacking in (f"{stem}.dist-info/licenses/LICENSE", "valle_pointer/py.typed", "valle_pointer/plugin.py"):
        left = [one for one in names if one != lacking]
        assert artefacts.complaints_about_wheel(left, POINTER, some) == [f"{stem}: the wheel lacks {lacking}"]


@pytest.mark.parametrize("odd", ["tests/test_pointer.py", "valle_pointer/__pycache__/plugin.cpython-311.pyc"])
def test_what_a_wheel_should_not_hold_is_named(odd):
    found = artefacts.complaints_about_wheel([*wheel_of(POINTER), odd], POINTER, tracked(POINTER))
    assert found == [f"{artefacts.stem_of(POINTER)}: the wheel holds {odd}"]


def test_a_file_of_another_distribution_in_an_sdist_is_named():
    stem = artefacts.stem_of(ROOT)
    names = [*sdist_of(ROOT), f"{stem}/plugins/valle-pointer/LICENSE"]
    found = artefacts.complaints_about_sdist(names, ROOT, tracked(ROOT))
    assert found == [f"{stem}.tar.gz holds plugins/valle-pointer/LICENSE of another distribution"]


def built(dist: Path, metadata: str) -> None:
    """Archives of valle-pointer with files that are empty but for METADATA."""
    stem = artefacts.stem_of(POINTER)
    with tarfile.open(dist / f"{stem}.tar.gz", "w:gz") as archive:
        for name in sdist_of(POINTER):
            archive.addfile(tarfile.TarInfo(name))
    with zipfile.ZipFile(dist / f"{stem}-py3-none-any.whl", "w") as archive:
        for name in wheel_of(POINTER):
            archive.writestr(name, metadata if name.endswith("METADATA") else "")


def test_archives_are_read_and_their_metadata_compared(tmp_path):
    stem, version = artefacts.stem_of(POINTER), project_of(POINTER)["version"]
    assert artefacts.complaints(POINTER, tmp_path, tracked(POINTER)) == [
        f"{stem}.tar.gz was not built",
        f"{stem}-py3-none-any.whl was not built",
    ]
    built(tmp_path, f"Name: valle-pointer\nVersion: {version}\nLicense-Expression: Apache-2.0\n\n")
    assert artefacts.complaints(POINTER, tmp_path, tracked(POINTER)) == []
    built(tmp_path, f"Name: valle-pointer\nVersion: {version}\n\n")
    assert artefacts.complaints(POINTER, tmp_path, tracked(POINTER)) == [
        f"{stem}: METADATA says License-Expression None, expected 'Apache-2.0'"
    ]


def test_an_index_is_asked_for_what_others_made_alone():
    asked = of_others(folders())
    assert any(one.startswith("torch>=") for one in asked)
    assert "hibari-tts==0.2.1" in asked, "an extra that valle-voice asks for"
    assert not any(one.startswith("valle") for one in asked)
