"""Files that appear whole or not at all, also when several machines write to one folder."""

from __future__ import annotations

import errno
import os

import pytest

from valle_core.files import process_start, replacing, writer
from valle_core.plugin import UserError
from valle_data.preparation.shared import create, sweep


def test_a_file_is_created_once(tmp_path):
    assert create(tmp_path / "deep" / "a", "mine")
    assert not create(tmp_path / "deep" / "a", "yours")
    assert [(path.name, path.read_text()) for path in (tmp_path / "deep").iterdir()] == [("a", "mine")]


@pytest.mark.parametrize("links", [True, False])
def test_who_is_quicker_in_the_last_moment_wins_where_there_are_links(tmp_path, monkeypatch, links):
    real = os.link

    def link(source, target):
        if not links:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        target.write_text("theirs")
        real(source, target)

    monkeypatch.setattr(os, "link", link)
    assert create(tmp_path / "a", "mine") == (not links)
    assert (tmp_path / "a").read_text() == ("theirs" if links else "mine")
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write '.*/file/a/b'"):
        create(tmp_path / "file" / "a" / "b", "mine")


def test_a_name_of_the_greatest_length_can_be_replaced(tmp_path):
    path = tmp_path / ("ß" * 127)
    with replacing(path) as temporary:
        temporary.write_text("x")
    assert os.listdir(tmp_path) == [path.name]


def test_only_what_no_living_writer_wrote_is_swept(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in (f".a.{writer()}.tmp", "deep/.b.01234567.tmp", "deep/c.tmp"):
        (tmp_path / name).touch()
    sweep(tmp_path, lambda: [writer()])
    assert sorted(path.name for path in tmp_path.rglob("*.tmp")) == [f".a.{writer()}.tmp", "c.tmp"]
    sweep(tmp_path)
    assert [path.name for path in tmp_path.rglob("*.tmp")] == ["c.tmp"]


def test_the_start_of_a_process_tells_it_from_another_of_its_number():
    assert process_start(os.getpid()) == process_start(os.getpid()) != ""
    assert process_start(2**22 + 1) == ""
