"""The bearer token: made once, private, never shown."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from relay_bridge.emulator.management.token_file import BearerToken, open_token_file, read_private
from relay_bridge.emulator.namespace import ConfigError


def test_missing_file_is_made_private_and_said_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.token"
    with caplog.at_level(logging.INFO):
        token = open_token_file(path)
    text = path.read_text().strip()
    assert len(text) == 43
    assert path.stat().st_mode & 0o777 == 0o600
    assert token.matches(f"Bearer {text}")
    assert caplog.messages == [f"The management port's token was made and is in {path}."]
    assert text not in repr(token)


def test_existing_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.token"
    open_token_file(path)
    before = path.read_text()
    assert open_token_file(path).matches(f"Bearer {before.strip()}")
    assert path.read_text() == before


def test_file_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.token"
    open_token_file(path)
    for mode in (0o640, 0o604, 0o620):
        path.chmod(mode)
        with pytest.raises(ConfigError, match=r"a\.token: the token file is open to others; give it mode 0600"):
            open_token_file(path)


@pytest.mark.parametrize(
    "content", ["", "short", "two words of sufficient length", "ümlaut-is-no-token-at-all", "a" * 5000]
)
def test_what_is_no_token_is_refused_and_not_repeated(content: str, tmp_path: Path) -> None:
    path = tmp_path / "a.token"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        open_token_file(path)
    assert not content or content not in str(caught.value)


def test_file_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the token file cannot be made: No such file or directory"):
        open_token_file(tmp_path / "none" / "a.token")
    with pytest.raises(ConfigError, match="the token file cannot be read: Is a directory"):
        open_token_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_private(tmp_path / "none", 1, "it")


@pytest.mark.parametrize(
    ("header", "right"),
    [
        ("Bearer a-token-of-some-length", True),
        ("bearer  a-token-of-some-length ", True),
        ("Basic a-token-of-some-length", False),
        ("Bearer a-token-of-some-lengtH", False),
        ("Bearer", False),
        ("a-token-of-some-length", False),
        ("Bearer \udcff", False),
        ("", False),
        (None, False),
    ],
)
def test_only_bearer_and_the_whole_token_match(header: str | None, right: bool) -> None:
    assert BearerToken("a-token-of-some-length").matches(header) is right
