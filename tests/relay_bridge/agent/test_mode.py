"""The switch on the disk and its command: what it says, how it is turned, and that nothing damaged ever opens it."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path

import pytest

from relay_bridge.agent.mode import (
    STRICTNESS,
    SwitchError,
    plain_files,
    read_plain,
    read_state,
    read_switch,
    signature,
    write_switch,
)
from relay_bridge.agent.mode_command import mode_command
from relay_bridge.contract.acting import SiteMode

OFF = SiteMode("off", "Eva", 1_795_370_000_000, "work on the pumps")


@pytest.mark.parametrize("mode", ["off", "read-only", "full"])
def test_what_was_set_is_read_again(tmp_path: Path, mode: str) -> None:
    assert read_switch(tmp_path / "switch") == SiteMode()  # nobody has turned it yet
    wanted = SiteMode(mode, "Eva", 1_795_370_000_000, "because")  # type: ignore[arg-type]
    write_switch(tmp_path / "switch", wanted)
    assert read_switch(tmp_path / "switch") == wanted
    file = tmp_path / "switch" / "mode.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["mode.json"]


def test_names_are_made_one_printable_line(tmp_path: Path) -> None:
    write_switch(tmp_path, SiteMode("off", "Eva\x1b[31m\nroot" + "x" * 200, 1, "a\tb\u202ec"))
    found = read_switch(tmp_path)
    assert found.by.startswith("Eva [31m root") and len(found.by) == 100 and found.why == "a b c"


@pytest.mark.parametrize("name", ["off", "off.txt", "read-only", "read-only.txt"])
def test_plain_file_closes_whatever_stands_in_it(tmp_path: Path, name: str) -> None:
    write_switch(tmp_path, SiteMode("full", "Eva", 1, ""))
    before = signature(tmp_path)
    (tmp_path / name).write_text("full")
    assert signature(tmp_path) != before
    found = read_switch(tmp_path)
    assert found.mode == name.removesuffix(".txt") and name in found.by and found.since > 1
    assert plain_files(tmp_path) == [tmp_path / name]
    (tmp_path / name).unlink()
    assert read_switch(tmp_path).mode == "full"


def test_strictest_holds(tmp_path: Path) -> None:
    write_switch(tmp_path, OFF)
    (tmp_path / "read-only").touch()
    assert read_switch(tmp_path) == OFF
    (tmp_path / "off").mkdir()  # not even a file: somebody meant it
    assert len(read_plain(tmp_path)) == 2


GOOD = {"mode": "full", "by": "Eva", "since": 5, "why": ""}


@pytest.mark.parametrize(
    "text",
    [
        "", "full", "{", json.dumps({"mode": "full"}), json.dumps(GOOD | {"mode": "open"}),
        json.dumps(GOOD | {"more": 1}), json.dumps(GOOD | {"since": -1}), json.dumps(GOOD | {"since": 10**30}),
        json.dumps(GOOD)[:-1], " " * 5000 + json.dumps(GOOD), json.dumps([GOOD]), "\ufeff" + json.dumps(GOOD), "\x00",
    ],
)  # fmt: skip
def test_damaged_file_closes(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mode.json"
    file.write_text(text)
    file.chmod(0o600)
    found = read_state(tmp_path, SiteMode("full", "Eva", 5, ""))
    assert found.mode == "read-only" and "Turn the switch again" in found.why
    assert read_state(tmp_path, OFF) == OFF  # and it opens nothing that was off


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_file_that_others_can_write_closes(tmp_path: Path) -> None:
    write_switch(tmp_path, SiteMode("full", "Eva", 5, ""))
    for mode in (0o620, 0o602, 0o666):
        (tmp_path / "mode.json").chmod(mode)
        assert read_switch(tmp_path).mode == "read-only"
    (tmp_path / "mode.json").chmod(0o644)
    assert read_switch(tmp_path).mode == "full"


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
def test_what_is_no_plain_file_closes(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_switch(elsewhere, SiteMode("full", "Mallory", 5, ""))
    file = tmp_path / "mode.json"
    file.symlink_to(elsewhere / "mode.json")
    assert read_switch(tmp_path).mode == "read-only"
    file.unlink()
    os.mkfifo(file, 0o600)  # nobody writes into it: reading must not wait
    assert read_switch(tmp_path).mode == "read-only"
    file.unlink()
    file.mkdir()
    assert read_switch(tmp_path).mode == "read-only"


def test_file_in_the_place_of_the_folder_is_no_operators_word(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.write_text("")
    found = read_switch(folder)
    assert (found.mode, found.by) == ("read-only", "") and "cannot be read" in found.why
    assert plain_files(folder) == []
    before = signature(folder)
    folder.unlink()
    assert signature(folder) != before and read_switch(folder).mode == "full"


def test_file_that_goes_while_the_agent_runs_opens_nothing(tmp_path: Path) -> None:
    write_switch(tmp_path, OFF)
    assert read_state(tmp_path, None) == OFF
    (tmp_path / "mode.json").unlink()
    assert read_state(tmp_path, OFF) == OFF
    assert read_state(tmp_path, SiteMode("full", "Eva", 5, "")).mode == "read-only"


def test_every_mode_is_stricter_than_the_one_before() -> None:
    assert sorted(STRICTNESS, key=lambda mode: STRICTNESS[mode]) == ["full", "read-only", "off"]


def test_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SwitchError, match="cannot be turned"):
        write_switch(tmp_path / "file" / "switch", OFF)


def test_command_turns_and_tells(tmp_path: Path) -> None:
    out = io.StringIO()
    assert mode_command(tmp_path, "off", "Eva", "pumps", out) == []
    assert out.getvalue().startswith("off (by Eva, since 20") and "pumps" in out.getvalue()
    assert mode_command(tmp_path, None, None, "", io.StringIO()) == []
    assert mode_command(tmp_path, "full", " \n", "", io.StringIO()) == [
        "Say who turns the switch: --by NAME. Phones and the journal show it."
    ]
    assert read_switch(tmp_path).mode == "off"
    (tmp_path / "read-only").touch()
    (finding,) = mode_command(tmp_path, "full", "Eva", "", io.StringIO())
    assert "stays read-only" in finding and str(tmp_path / "read-only") in finding
