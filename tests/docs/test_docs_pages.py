"""What scripts in docs/ make is what is committed: tables, pictures, samples; and the made pages of the site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import soundfile
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
TUTORIAL = DOCS / "plugin-tutorial.md"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))


def ten_lines(page: Path) -> str:
    found = re.search(r"^```python acme-softcap/acme_softcap\.py\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    assert found
    return found[1]


def test_the_tables_of_plugins_are_what_the_specs_say():
    import plugin_list

    assert plugin_list.PAGE.read_text("utf-8") == plugin_list.whole(), "a spec changed; run `make docs` and commit"
    text = README.read_text("utf-8")
    assert plugin_list.with_short(text) == text, "a spec changed; run `make docs` and commit README.md"


def test_a_changed_spec_changes_both_tables(monkeypatch):
    import plugin_list

    before = plugin_list.whole(), plugin_list.short()
    monkeypatch.setitem(plugin_list.COLUMNS, "memory", lambda row: "another")
    assert plugin_list.whole() != before[0]
    assert plugin_list.short() != before[1]


def test_every_plugin_stands_in_the_whole_table_and_in_the_short_one():
    import plugin_list

    for text in (plugin_list.whole(), plugin_list.short()):
        for rows in plugin_list.entries().values():
            assert [row.name for row in rows if f"[`{row.name}`]" not in text] == []


def test_papers_become_links_and_empty_columns_are_left_out():
    import plugin_list

    rows = plugin_list.entries()
    (retnet,) = [row for row in rows["arch"] if row.name == "retnet"]
    assert plugin_list.paper(retnet) == "[2307.08621](https://arxiv.org/abs/2307.08621)"
    (top_k,) = [row for row in rows["sampler"] if row.name == "top_k"]
    assert plugin_list.paper(top_k) == "[1805.04833](https://arxiv.org/abs/1805.04833)"
    assert "weights" not in plugin_list.table(rows["sampler"], plugin_list.COLUMNS, "").splitlines()[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_of_the_flow_is_what_its_script_draws(theme):
    import flow

    drawn = flow.picture(getattr(flow, theme.upper()))
    assert (DOCS / "images" / f"flow-{theme}.svg").read_text("utf-8") == drawn, "run `make docs` and commit"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_of_the_rows_is_what_its_script_draws(theme):
    import layouts

    assert {*layouts.ORDER} == {*layouts.orders()}
    assert (DOCS / "images" / f"rows-{theme}.svg").read_text("utf-8") == layouts.picture(theme), "run `make docs`"


def test_the_picture_names_every_kind_of_plugin():
    import flow
    import plugin_list

    drawn = flow.picture(flow.LIGHT)
    assert [kind for kind in plugin_list.entries() if f">{kind}<" not in drawn] == []


def test_the_samples_are_small_and_say_what_the_readme_says():
    import samples

    for sample in samples.SAMPLES:
        audio, image = DOCS / "audio" / f"{sample.name}.wav", DOCS / "images" / f"sample-{sample.name}.png"
        facts = soundfile.info(audio)
        assert (facts.channels, facts.subtype) == (1, "PCM_16")
        assert 2 < facts.duration < 12
        assert max(audio.stat().st_size, image.stat().st_size) <= 200_000
        assert (
            f"| {sample.voice} | “{sample.text}” | [▶ {sample.name}.wav](docs/audio/{sample.name}.wav) |"
            in README.read_text("utf-8")
        )


@pytest.mark.slow
def test_the_script_of_the_samples_says_them_anew(tmp_path, monkeypatch):
    import samples

    monkeypatch.setattr("sys.argv", ["samples.py", "--out", str(tmp_path)])
    samples.main()
    for sample in samples.SAMPLES:
        before = soundfile.info(DOCS / "audio" / f"{sample.name}.wav").duration
        assert soundfile.info(tmp_path / "audio" / f"{sample.name}.wav").duration == pytest.approx(before, rel=0.3)
        assert (tmp_path / "images" / f"sample-{sample.name}.png").stat().st_size > 20_000


def test_the_readme_shows_the_ten_lines_of_the_tutorial():
    assert ten_lines(README) == ten_lines(TUTORIAL)


def test_every_message_in_troubleshooting_is_one_that_there_is():
    from site_pages import messages

    known = messages.page()
    quoted = re.findall(r"^### `([^`]+)`$", (DOCS / "troubleshooting.md").read_text("utf-8"), re.M)
    elsewhere = {  # of make and pip, and of a message that is put together from parts
        "make: no Python 3.11, 3.12 or 3.13 found",
        "error: externally-managed-environment",
        "… cannot run here: needs a cuda device, found cpu",
    }
    assert len(quoted) > 18
    assert [text for text in quoted if text not in elsewhere and f"* `{text}`\n" not in known] == []


def test_every_page_of_docs_stands_in_the_navigation_once():
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    named = re.findall(r"[\w./-]+\.md", text[text.index("\nnav:") :])
    committed = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    by_folder = {name for name in committed if name.startswith(("adr/", "plugins/"))}
    assert sorted(named) == sorted(set(named))
    assert committed - by_folder - set(named) == set()
    assert {name for name in named if name not in committed} == {
        "changelog.md", "contributing.md", "security.md", "examples/README.md", "reference/core-api.md",
        "reference/messages.md", "reference/python.md",
    }  # fmt: skip
    assert yaml.safe_load(text)["theme"]["font"] is False  # a font by name would be fetched from the network


def test_links_that_leave_docs_lead_to_pages_of_the_site():
    from site_pages import places

    pages = places.outside_pages()
    text = (
        "[a](../plugins/valle-dac/README.md#licence) [b](../benchmarks/results/codec.md) [c](../valle_core/plugin.py)"
    )
    text += " ![d](../benchmarks/results/codec.png) [e](train.md) [f](../README.md) [g](https://example.org)"
    done, pictures = places.relinked(text, "docs/page.md", "page.md", pages)
    assert done == (
        "[a](reference/plugins/valle-dac.md#licence) [b](benchmarks/results/codec.md) `c`"
        " ![d](benchmarks/results/codec.png) [e](train.md) [f](index.md) [g](https://example.org)"
    )
    assert pictures == {"benchmarks/results/codec.png"}
    back, _ = places.relinked("[d](../../docs/data.md)", "plugins/x/README.md", "reference/plugins/x.md", pages)
    assert back == "[d](../../data.md)"


def test_orders_to_the_tests_are_not_shown_and_files_are_titles():
    from site_pages import places

    shown = places.tidied("<!-- test: slow -->\n```python a/b.py\nx\n```\n<!-- fmt: off -->\ny\n")
    assert shown == '```python title="a/b.py"\nx\n```\ny\n'


def test_a_page_of_a_command_has_its_options_and_those_of_its_plugins():
    from site_pages import commands

    text = commands.command_pages()["reference/commands/train.md"]
    assert "| `--data` " in text
    assert "| `--arch.d-model` INTEGER | `256` | " in text
    assert "`valle train " not in text.split("## Examples")[0]


def test_a_page_of_a_distribution_says_what_its_plugins_say():
    from site_pages import plugins

    text = plugins.facts("valle-retnet")
    assert "### `retnet` (arch)" in text
    assert "| memory | decoding state of constant size |" in text
    assert "| `--arch.d-model` INTEGER |" in text


def test_messages_keep_what_is_fixed_and_mark_what_is_filled_in(tmp_path):
    from site_pages import messages

    lines = ['raise UserError(f"prompt \'{x}\' is " f"silent")', "raise ValueError('not one')", "raise UserError(text)"]
    (tmp_path / "a.py").write_text("\n".join(lines))
    assert messages.messages(tmp_path) == ["prompt '…' is silent"]


def test_public_names_are_read_from_the_facade_and_the_stub():
    from site_pages import python

    assert ("valle.speaker", "load") in python.public(python.FACADE)
    assert ("valle_core.synthesis.request", "Request") in python.public(python.STUB)
