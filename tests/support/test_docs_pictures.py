"""The pictures of docs/operators.md: those that the page shows, that are in the folder and that the tool takes."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from tests.support.demo import ROOT
from tests.support.docs_pictures import FOLDER, MOST, MOST_SIDE_BY_SIDE, NAMES, SIDE_BY_SIDE, small
from tests.support.phone import PHONE, TABLET

PAGE = ROOT / "docs" / "operators.md"
MOST_PICTURES = 16
SHOWN = re.compile(r"!\[([^\]]+)\]\(images/operators/([^)]+)\)")
SIZES = {tuple(each.values()) for each in (PHONE, TABLET)}


def test_page_folder_and_tool_have_the_same_pictures() -> None:
    shown = [name for _, name in SHOWN.findall(PAGE.read_text())]
    assert len(shown) == PAGE.read_text().count("images/operators/"), "a picture without words for who does not see it"
    assert sorted(shown) == sorted(each.name for each in FOLDER.iterdir()) == sorted(f"{name}.png" for name in NAMES)
    assert len(shown) <= MOST_PICTURES


def test_pictures_are_small_and_of_a_phone_or_a_tablet() -> None:
    for picture in FOLDER.iterdir():
        assert picture.stat().st_size <= MOST, picture.name
        with Image.open(picture) as image:
            assert image.format == "PNG" and image.size in SIZES, picture.name


def test_readme_shows_three_phones_side_by_side() -> None:
    assert f"({SIDE_BY_SIDE.relative_to(ROOT)})" in (ROOT / "README.md").read_text()
    assert SIDE_BY_SIDE.stat().st_size <= MOST_SIDE_BY_SIDE


def test_picture_that_does_not_fit_is_not_written(tmp_path) -> None:
    noise = Image.effect_noise((300, 300), 90)
    with pytest.raises(ValueError, match="does not fit"):
        small(noise, 1000, tmp_path / "noise.png")
    assert list(tmp_path.iterdir()) == []
