"""The fast reader of entry points finds what `importlib.metadata` finds."""

from __future__ import annotations

import importlib.metadata
import sys
import zipfile

from valle_core.registry.registry import Registry
from valle_core.registry.scan import SERVICES, Found, Scan, normalise, scan
from valle_testing.kinds import every_kind


def reference(path=None):
    if path is None:
        groups = ["valle.kinds", "valle.directory", "valle.voices", SERVICES, *(row.group for row in every_kind())]
        points = [point for group in groups for point in importlib.metadata.entry_points(group=group)]
    else:
        points = [point for dist in importlib.metadata.distributions(path=path) for point in dist.entry_points]
    return {
        (point.group, point.name, point.value, normalise(point.dist.name), point.dist.version)
        for point in points
        if point.group.startswith("valle.")
    }


def ours(path=None):
    return {(f.group, f.name, f.value, normalise(f.distribution), f.version) for f in scan(path).found}


def test_it_finds_what_importlib_metadata_finds_on_this_machine():
    assert ours() == reference()
    assert {group for group, *_ in ours()} <= {
        "valle.kinds",
        "valle.directory",
        "valle.voices",
        SERVICES,
        *(row.group for row in every_kind()),
    }


def test_it_finds_the_installed_plugins():
    assert ("valle.sampler", "greedy") in {(found.group, found.name) for found in scan().found}


def test_name_and_version_come_from_the_metadata(site):
    site.add("Acme.Plug-in", {"valle.arch": {"x": "acme:SPEC"}}, version="2.3")
    assert scan([str(site.folder)]).found == (Found("valle.arch", "x", "acme:SPEC", "Acme.Plug-in", "2.3"),)


def test_extras_comments_and_other_groups_are_left_out(site):
    site.add("acme", {"valle.arch": {"# no": "a:B", "x": "acme:SPEC [fast]"}, "notvalle.arch": {"y": "acme:SPEC"}})
    assert [(found.name, found.value) for found in scan([str(site.folder)]).found] == [("x", "acme:SPEC")]


def test_the_first_of_two_copies_on_the_path_wins_as_in_importlib(site, tmp_path, monkeypatch):
    site.add("acme", {"valle.arch": {"x": "first:SPEC"}})
    second = type(site)(tmp_path / "second")
    second.folder.mkdir()
    second.add("acme", {"valle.arch": {"x": "second:SPEC"}}, version="9")
    monkeypatch.setattr(sys, "path", [*sys.path, str(second.folder)])
    assert [found.value for found in scan().found if found.name == "x"] == ["first:SPEC"]
    assert ours() == reference()


def test_a_zip_archive_is_read_through_importlib(tmp_path):
    archive = tmp_path / "plugins.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("acme-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
        out.writestr("acme-1.0.dist-info/entry_points.txt", "[valle.arch]\nx = acme:SPEC\n")
    assert ours([str(archive)]) == reference([str(archive)]) == {("valle.arch", "x", "acme:SPEC", "acme", "1.0")}


def test_a_custom_finder_is_asked(site, tmp_path, monkeypatch):
    hidden = type(site)(tmp_path / "hidden")
    hidden.folder.mkdir()
    hidden.add("acme", {"valle.arch": {"x": "acme:SPEC"}})

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            return None

        @staticmethod
        def find_distributions(context):
            here = importlib.metadata.DistributionFinder.Context(path=[str(hidden.folder)])
            return importlib.metadata.MetadataPathFinder.find_distributions(here)

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert "x" in {found.name for found in scan().found}


def test_missing_and_unreadable_places_are_passed_over(tmp_path):
    (tmp_path / "acme-1.0.dist-info").mkdir()
    assert scan([str(tmp_path), str(tmp_path / "nowhere")]).found == ()


def test_a_group_that_nobody_reads_is_told_with_the_nearest():
    odd = [Found("valle.archs", "mine", "a:b", "acme", "1.0"), Found("valle.arch", "good", "a:b", "acme", "1.0")]
    registry = Registry(Scan(tuple(odd), frozenset({"acme"})))
    assert registry.warnings == (
        "acme 1.0 announces 'mine' in 'valle.archs', which is not a group; did its authors mean 'valle.arch'?",
    )


def test_every_group_of_an_installed_distribution_is_read():
    assert [line for line in Registry.open().warnings if "which is not a group" in line] == []
