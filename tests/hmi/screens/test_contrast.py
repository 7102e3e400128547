"""Contrast and colour of the three themes, computed from the styles themselves with the formulas of WCAG 2.2."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

STYLES = settings.BASE_DIR / "static" / "css"
THEMES = ("light", "night", "sun")
ALARM = re.compile(r"var\(--alarm-")


def tokens(theme: str) -> dict[str, str]:
    """The custom properties of one theme, as the first block that names it sets them."""
    text = (STYLES / "tokens.css").read_text()
    block = re.search(rf'\[data-theme="{theme}"\] \{{(.*?)\n\}}', text, re.DOTALL)
    assert block is not None, theme
    return dict(re.findall(r"--([\w-]+):\s*([^;]+);", block[1]))


def pens(theme: str) -> dict[str, str]:
    """The pens of one theme, which the second block that names it sets."""
    text = (STYLES / "tokens.css").read_text()
    blocks = re.findall(rf'\[data-theme="{theme}"\] \{{(.*?)\n\}}', text, re.DOTALL)
    return dict(re.findall(r"--(pen-\d):\s*([^;]+);", blocks[1]))


def rgb(colour: str) -> tuple[float, float, float]:
    assert re.fullmatch(r"#[0-9a-f]{6}", colour), colour
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))  # type: ignore[return-value]


def luminance(colour: str) -> float:
    channels = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb(colour))
    return sum(weight * channel for weight, channel in zip((0.2126, 0.7152, 0.0722), channels, strict=True))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def saturation(colour: str) -> float:
    """The larger of the HSV and HSL saturations."""
    channels = rgb(colour)
    high, low = max(channels), min(channels)
    if high == low:
        return 0.0
    middle = (high + low) / 2
    return max((high - low) / high, (high - low) / (1 - abs(2 * middle - 1)))


@pytest.mark.parametrize("theme", THEMES)
def test_process_values_have_seven_to_one(theme: str) -> None:
    t = tokens(theme)
    for ground in ("ground", "panel", "plate"):
        assert contrast(t["ink"], t[ground]) >= 7, ground
        assert contrast(t["ink-soft"], t[ground]) >= 7, ground


@pytest.mark.parametrize("theme", THEMES)
def test_text_has_four_and_a_half_to_one(theme: str) -> None:
    t = tokens(theme)
    pairs = [("ink", "strip"), ("ink-soft", "strip"), ("ink", "control"), ("pressed-ink", "pressed")]
    pairs += [("ink-stale", "plate"), ("alarm-1-letter", "alarm-1"), ("alarm-2-letter", "alarm-2")]
    for front, back in pairs:
        assert contrast(t[front], t[back]) >= 4.5, (front, back)


@pytest.mark.parametrize("theme", THEMES)
def test_graphics_have_three_to_one(theme: str) -> None:
    t = tokens(theme)
    pairs = [("line", "ground"), ("line", "panel"), ("fill", "track"), ("fill", "band"), ("ink", "track")]
    pairs += [("water-line", "water"), ("focus", "ground"), ("focus", "panel"), ("focus", "strip")]
    for front, back in pairs:
        assert contrast(t[front], t[back]) >= 3, (front, back)


@pytest.mark.parametrize("theme", THEMES)
def test_alarm_badges_stand_out_by_fill_or_by_outline(theme: str) -> None:
    t = tokens(theme)
    for priority in ("alarm-1", "alarm-2"):
        for ground in ("ground", "panel"):
            assert max(contrast(t[priority], t[ground]), contrast(t["alarm-outline"], t[ground])) >= 3
    assert luminance(t["alarm-outline"]) < 0.02  # a dark outline


def test_sun_is_black_on_white_with_thick_lines_and_big_numbers() -> None:
    t = tokens("sun")
    for ink in ("ink", "ink-soft", "ink-stale", "line", "edge", "fill"):
        for ground in ("ground", "panel", "plate", "strip", "control", "track", "band"):
            assert contrast(t[ink], t[ground]) >= 15, (ink, ground)
    others = [("pressed-ink", "pressed"), ("water-line", "water")]
    others += [("alarm-1-letter", "alarm-outline")]  # its letters stand on the outline's black, within its red
    others += [(f"alarm-{priority}-letter", f"alarm-{priority}") for priority in (2, 3, 4)]
    others += [("focus", ground) for ground in ("ground", "panel", "plate", "strip", "control")]
    others += [(f"pen-{number}", ground) for number in range(1, 9) for ground in ("ground", "panel")]
    t |= pens("sun")
    for front, back in others:
        assert contrast(t[front], t[back]) >= 15, (front, back)
    assert (t["stroke"], t["value"]) == ("2px", "2rem")
    assert int(t["weight"]) >= 600


@pytest.mark.parametrize("theme", THEMES)
def test_only_alarms_and_the_focus_ring_have_colour(theme: str) -> None:
    t = tokens(theme)
    assert saturation(t["ground"]) < 0.10
    for name, value in t.items():
        if value.startswith("#") and not name.startswith(("alarm-", "focus")):
            assert saturation(value) < 0.40, name


@pytest.mark.parametrize("path", sorted(STYLES.glob("*.css")), ids=lambda path: path.name)
def test_alarm_colours_are_used_for_alarms_only(path: Path) -> None:
    text = path.read_text()
    if path.name not in {"alarm.css"}:
        assert not ALARM.search(text)
    if path.name != "tokens.css":
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b|\brgb|\bhsl", text), "colours have their names in tokens.css"


@pytest.mark.parametrize("path", sorted(STYLES.glob("*.css")), ids=lambda path: path.name)
def test_nothing_moves_glows_or_shades(path: Path) -> None:
    text = path.read_text()
    if path.name == "alarm.css":  # what nobody has acknowledged blinks, once a second, for whoever lets things move
        assert text.count("animation: waits 1s step-end infinite") == text.count("@keyframes waits") == 1
        assert text.count("animation:") == 2 and "animation: none" in text
        assert "prefers-reduced-motion: no-preference" in text
        text = re.sub(r"animation: (waits 1s step-end infinite|none)|@keyframes waits", "", text)
    assert not re.search(r"animation|@keyframes|gradient\(|shadow|filter:", text)


def test_every_style_is_on_every_page_or_named_by_those_that_need_it() -> None:
    styles = (settings.BASE_DIR / "templates/screens/_styles.html").read_text()
    assert re.findall(r"css/([\w-]+\.css)", styles) == ["sightline.css"]
    everywhere = re.findall(r'@import url\("([\w-]+\.css)"\)', (STYLES / "sightline.css").read_text())
    pages = "".join(path.read_text() for path in (settings.BASE_DIR / "templates").rglob("*.html"))
    named = re.findall(r"static 'css/([\w-]+\.css)'", pages)
    assert {path.name for path in STYLES.glob("*.css")} == {*everywhere, *named}
