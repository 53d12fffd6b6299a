"""The page in a headless Chromium: it speaks, lights up words, keeps a voice; by keyboard, and loads nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from valle_serve.encoding import encoder

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (apt install chromium)"),
]


@pytest.fixture
def page(live) -> Iterator:
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=BROWSER,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream",
                  "--use-fake-ui-for-media-stream"],
        )  # fmt: skip
        opened = browser.new_page(permissions=["microphone"])
        opened.asked, opened.messages = [], []
        opened.on("request", lambda request: opened.asked.append(request.url))
        opened.on("console", lambda message: opened.messages.append(message.text))
        opened.on("pageerror", lambda error: opened.messages.append(str(error)))
        opened.set_default_timeout(120_000)
        opened.goto(live.url)
        opened.wait_for_selector("#voice option", state="attached")
        yield opened
        browser.close()


def ink(page) -> int:
    """Pixels of the spectrogram that are not empty."""
    return page.evaluate(
        "() => { const c = document.querySelector('canvas'); const d = c.getContext('2d').getImageData(0, 0, c.width,"
        " c.height).data; let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 60; return n; }"
    )


def test_it_speaks_draws_and_lights_up_the_words(page, live):
    page.fill("#text", " ".join(["one two three four five"] * 24))
    page.select_option("#voice", "ben")
    page.evaluate(
        "() => { window.lit = new Set(); new MutationObserver((all) => all.forEach((one) =>"
        " one.target.classList?.contains('lit') && window.lit.add(one.target.textContent)))"
        ".observe(document.querySelector('#words'), { attributes: true, subtree: true }); }"
    )
    page.click("#go")
    page.wait_for_function("() => document.querySelector('#state').textContent.includes('seconds of speech')")
    assert page.inner_text("#words").split() == ["one", "two", "three", "four", "five"] * 24
    assert page.evaluate("() => window.lit.size") > 0
    assert page.locator("#words .lit").count() == 0
    assert "6.0 seconds" in page.inner_text("#state")
    assert 500 < ink(page) < 100_000
    assert page.get_attribute("#save", "href").startswith("blob:")
    assert live.tones.asked[-1].voice == "ben"
    assert page.messages == []
    assert all(url.startswith((live.url, "blob:")) for url in page.asked)


def test_it_plays_before_all_is_spoken_and_stops_by_escape(page, live):
    live.tones.go_on.clear()
    page.fill("#text", "one two three. four five.")
    page.press("#text", "Control+Enter")
    page.wait_for_function("() => document.querySelectorAll('#words span').length === 3")
    assert ink(page) > 100
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.querySelector('#stop').disabled")
    live.tones.go_on.set()
    page.wait_for_timeout(300)
    assert page.locator("#words span").count() == 3
    assert live.tones.listeners[-1].gone


def test_all_of_it_is_reached_and_worked_by_the_keyboard(page, live):
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("() => document.activeElement.id || document.activeElement.tagName"))
    assert reached == ["text", "voice", "speed", "go", "SUMMARY", "BODY"] or reached[:5] == [
        "text",
        "voice",
        "speed",
        "go",
        "SUMMARY",
    ]
    page.focus("summary")
    page.keyboard.press("Enter")
    assert page.is_visible("#name")
    page.focus("#go")
    page.keyboard.press("Enter")
    page.wait_for_selector("#words span")


def test_every_field_has_a_name_that_is_read_out(page):
    page.click("summary")
    unnamed = page.evaluate(
        "() => [...document.querySelectorAll('input, textarea, select, button, canvas, audio')].filter(one =>"
        " one.offsetParent && !(one.labels?.length || one.getAttribute('aria-label') || one.textContent.trim()))"
        ".map(one => one.id)"
    )
    assert unnamed == []
    assert page.get_attribute("#state", "aria-live") == "polite"
    assert page.get_attribute("#trouble", "role") == "alert"
    assert page.get_attribute("html", "lang") == "en"


def test_a_recording_is_kept_with_consent_and_removed(page, live, tmp_path):
    page.click("summary")
    one = encoder("mp3", 16_000)
    tone = 0.3 * np.sin(np.arange(16_000) / 5).astype(np.float32)
    (tmp_path / "me.mp3").write_bytes(one.push(tone) + one.finish())
    page.set_input_files("#file", tmp_path / "me.mp3")
    page.wait_for_selector("#sample:not([hidden])")
    page.fill("#name", "me")
    page.click("#keep button[type=submit]")
    assert live.tones.recordings == []  # the browser asks for consent
    page.check("#consent")
    page.click("#keep button[type=submit]")
    page.wait_for_function("() => document.querySelector('#voice').value === 'me'")
    assert live.tones.recordings[0][:4] == b"RIFF"
    page.click("#forget")
    page.wait_for_function("() => document.querySelector('#voice').value !== 'me'")
    assert "me" not in live.tones.kept
    assert page.messages == []


def test_the_microphone_makes_a_recording(page):
    page.click("summary")
    page.click("#record")
    page.wait_for_selector("#record[aria-pressed=true]")
    page.wait_for_timeout(500)
    page.click("#record")
    page.wait_for_selector("#sample:not([hidden])")
    assert page.inner_text("#record") == "Record"


def test_a_refusal_is_shown_in_words(page, live):
    live.tones.busy = True
    page.click("#go")
    page.wait_for_function("() => document.querySelector('#trouble').textContent")
    assert page.inner_text("#trouble") == "there is too much to do"


@pytest.fixture(params=["light", "dark"])
def everything(page, live, request):
    """The page with all of it shown: both forms, words of which one is lit, a refusal, a recording."""
    page.emulate_media(color_scheme=request.param, reduced_motion="reduce")
    page.click("summary")
    live.tones.go_on.clear()
    page.click("#go")
    page.wait_for_selector("#words span")
    live.tones.busy = True
    page.evaluate(
        "() => { const access = document.querySelector('#access'); access.hidden = false; access.open = true;"
        " document.querySelector('#trouble').textContent = 'there is too much to do';"
        " document.querySelector('#state').textContent = 'Speaking …';"
        " for (const id of ['save', 'sample']) document.getElementById(id).hidden = false; }"
    )
    return page


def test_axe_finds_nothing_for_wcag_and_good_practice(everything):
    """Contrast of all text, names and roles of fields, order of headings, regions, sizes of targets."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = axe.Axe().run(everything, options={"runOnly": {"type": "tag", "values": tags}}).response
    assert {one["id"]: [node["html"] for node in one["nodes"]] for one in found["violations"]} == {}
    assert {"color-contrast", "label", "region"} <= {one["id"] for one in found["passes"]}


def test_text_edges_of_fields_and_the_focus_stand_out(everything):
    """Text by 4.5 : 1, what shows where a field is and which has the focus by 3 : 1 (WCAG 2.2: 1.4.3, 1.4.11)."""
    pairs = everything.evaluate(
        """() => {
          const ground = (element) => {
            for (let one = element; one; one = one.parentElement) {
              const found = getComputedStyle(one).backgroundColor;
              if (found !== 'rgba(0, 0, 0, 0)') return found;
            }
            return 'rgb(255, 255, 255)';
          };
          const found = [];
          document.querySelector('#words span').classList.add('lit');
          for (const one of document.querySelectorAll('body *')) {
            const style = getComputedStyle(one);
            if (!one.offsetParent || one.disabled) continue;
            const text = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
            const name = one.id || one.className || one.tagName;
            const field = one.matches('input:not([type=checkbox], [type=range]), textarea, select');
            if (text || field) found.push([name, style.color, ground(one), 4.5]);
            if (field || one.matches('button, a, canvas'))
              found.push([name + ' border', style.borderTopColor, ground(one.parentElement), 3]);
            if (one.matches('input, textarea, select, button, a[href], summary')) {
              one.focus({ focusVisible: true });
              found.push([name + ' focus', style.outlineColor, ground(one.parentElement), 3]);
            }
          }
          return found;
        }"""
    )
    assert {"lit", "trouble", "state", "hint", "go", "go focus", "text border", "key"} <= {one for one, *_ in pairs}
    for one, ink_color, ground, wanted in pairs:
        first, second = sorted(map(luminance, (ink_color, ground)))
        assert (second + 0.05) / (first + 0.05) >= wanted, (one, ink_color, ground)


def luminance(color: str) -> float:
    """Relative luminance of `rgb(r, g, b)`, by WCAG 2."""
    parts = [int(word) / 255 for word in color.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
