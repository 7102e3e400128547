"""``sightline-site`` as a program: its exit codes, its sentences, its end, and that it needs no Django."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from relay_bridge.agent.cli import main
from tests.relay_bridge.agent.support import SOURCE, TANK, SiteFolder

START = "import sys; from relay_bridge.agent.cli import main; sys.exit(main(sys.argv[1:]))"
# Django is on this machine because the web app is tested here too; on a plant machine it is not.
BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"django", "channels", "oauth2_provider", "hmi", "accounts"}:
            raise ImportError(f"{name} is not installed here")
sys.meta_path.insert(0, Blocker())
"""


OPCUA = """
[[source]]
id = "main"
kind = "opcua"
url = "opc.tcp://127.0.0.1:9/"
security = "None"
allow_insecure = true
"""


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def start(site: SiteFolder, code: str = START) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, "run", "--config", str(site.toml)], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "tags of" in line:
            return process
    raise AssertionError("the agent did not start")


def test_check_of_a_sound_site_prints_its_tags(site: SiteFolder) -> None:
    site.configure(SOURCE + '"TK-101.product" = "Diesel"', TANK)
    result = run("check", "--without-relay", "--config", site.toml)
    assert result.returncode == 0, result.stderr
    assert "TK-101.level  Level: number 0..20 m, 3 decimals" in result.stdout
    assert "Nothing found" in result.stdout


def test_check_names_a_tag_without_a_value(site: SiteFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(site.toml)]) == 1
    assert '[[tag]] "TK-101.product": bad quality at the source: waiting for data' in capsys.readouterr().err


def test_check_names_a_source_that_is_not_there(
    site: SiteFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay_bridge.agent.check.CONNECT_DEADLINE", 1.0)
    site.configure(OPCUA, TANK.replace('"Level"', '"i=1"').replace('"AvgTemp"', '"i=2"').replace('"Product"', '"i=3"'))
    assert main(["check", "--config", str(site.toml)]) == 1
    said = capsys.readouterr()
    assert '[[source]] "main": not reachable within 1 s' in said.err
    assert "TK-101.level" in said.out


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda site: site.configure(SOURCE, TANK, "[surprise]"), 'unknown key "surprise"'),
        (lambda site: (site.folder / "secrets/relay-listen").unlink(), "cannot read"),
        (lambda site: (site.folder / "secrets/agent.key").chmod(0o644), "chmod 600"),
        (lambda site: site.put("secrets/relay-listen", "rubbish", mode=0o600), "connection string"),
        (lambda site: site.put("trust/issuer.jwks.json", "{}"), "no JSON Web Key Set"),
        (lambda site: site.toml.unlink(), "Cannot read"),
    ],
    ids=["unknown key", "missing secret", "open key", "connection string", "key set", "no file"],
)
def test_bad_input_is_one_sentence_and_exit_code_two(
    site: SiteFolder, capsys: pytest.CaptureFixture[str], command: str, spoil: Callable[[SiteFolder], Any], words: str
) -> None:
    spoil(site)
    assert main([command, "--config", str(site.toml)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("sightline-site: ")
    assert words in said


def test_node_that_is_none_is_one_sentence_too(site: SiteFolder, capsys: pytest.CaptureFixture[str]) -> None:
    site.configure(OPCUA, '[[tag]]\nid = "X.y"\nsource = "main"\narea = "A"\nnode = "not a node"')
    assert main(["run", "--config", str(site.toml)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "X.y" in said


@pytest.mark.parametrize("arguments", [[], ["walk"], ["run"], ["check", "--config"]])
def test_wrong_command_line_is_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_in_good_order_within_three_seconds(site: SiteFolder, number: signal.Signals) -> None:
    process = start(site)
    began = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=10)
    assert process.returncode == 0
    assert time.monotonic() - began < 3


def test_runs_where_django_cannot_be_imported(site: SiteFolder) -> None:
    process = start(site, BLOCKED + START)
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_imports_neither_django_nor_the_web_app_nor_unused_drivers() -> None:
    code = (
        "import json, sys, relay_bridge.agent.cli; "
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    modules = set(json.loads(result.stdout))
    assert not modules & {"django", "channels", "oauth2_provider", "hmi", "accounts", "aiohttp", "asyncua"}
