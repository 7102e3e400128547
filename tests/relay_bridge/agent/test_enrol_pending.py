"""New keys come all together, wherever their enrolment was cut off."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from relay_bridge.agent.cli import main
from relay_bridge.agent.enrol_folder import SiteFolder
from relay_bridge.agent.enrol_pending import FILES, PENDING, finish_enrolment
from relay_bridge.agent.errors import ConfigError
from tests.relay_bridge.agent.test_enrol_folder import terms, write

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    with SiteFolder(tmp_path / "site", replace=False) as folder:
        write(folder, terms())
    return tmp_path / "site"


def contents(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in FILES]


def test_killed_at_any_point_it_is_all_old_or_all_new(site: Path) -> None:
    old = contents(site)
    base = site.parent
    module = "tests.relay_bridge.agent.killed_enrolment"
    subprocess.run([sys.executable, "-m", module, str(base)], check=True, timeout=60)
    folders = sorted((path for path in base.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
    new = contents(folders[-1])
    assert len(folders) > 30 and not set(old) & set(new[:2])
    finished = []
    for folder in folders:
        cut_off = (folder / PENDING).exists()
        assert finish_enrolment(folder) is cut_off
        found = contents(folder)
        # Each enrolment makes its own key, so new is: nothing of the old.
        assert found == old or not set(found[:4]) & set(old[:4]), folder
        assert all(stat.S_IMODE((folder / name).stat().st_mode) & 0o077 == 0 for name in FILES if "secrets" in name)
        assert not (folder / PENDING).exists() and not finish_enrolment(folder)
        finished.append((cut_off, found == old))
    with SiteFolder(folders[len(folders) // 2], replace=True) as again:  # and it can be done once more
        write(again, terms())
    assert {(False, True), (True, False), (False, False)} == set(finished)  # before, between and after


def test_run_and_check_finish_it_or_say_why_not(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = site.parent / "other"
    with SiteFolder(other, replace=False) as folder:
        write(folder, terms())
    shutil.copytree(other, site / PENDING)
    assert main(["check", "--config", str(site / "site.toml"), "--without-relay"]) == 2  # it has no sources yet
    assert "has been finished" in capsys.readouterr().err
    assert contents(site) == contents(other)
    with SiteFolder(other, replace=True) as folder:
        write(folder, terms())
    before = contents(site)
    shutil.copytree(other, site / PENDING)
    (site / PENDING / FILES[-1]).unlink()  # with a part missing it is none of ours
    assert main(["run", "--config", str(site / "site.toml")]) == 2
    assert "cannot be finished" in capsys.readouterr().err
    assert contents(site) == before


def test_a_link_is_no_pending_enrolment(site: Path) -> None:
    (site / PENDING).symlink_to(site.parent)
    assert not finish_enrolment(site)
    (site / PENDING).unlink()
    (site / PENDING).mkdir()
    with pytest.raises(ConfigError, match="cannot be finished"):
        finish_enrolment(site)
