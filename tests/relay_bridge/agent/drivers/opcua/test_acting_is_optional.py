"""A site that does not allow writes has no code that could write: neither the driver's nor a way to it."""

from __future__ import annotations

import subprocess
import sys

from relay_bridge.agent.drivers.opcua import make_driver
from tests.relay_bridge.agent.drivers.opcua.support import settings

URL = "opc.tcp://127.0.0.1:1"
PROGRAM = """
import sys
from relay_bridge.agent.drivers.opcua import OpcUaSettings, make_driver
settings = OpcUaSettings("main", "opc.tcp://127.0.0.1:1", "None", True, acting={acting})
driver = make_driver(settings, [])
print(any(name.endswith((".acting", ".encoding")) for name in sys.modules if "drivers.opcua" in name))
print(hasattr(driver, "write"), hasattr(driver, "call"), sorted(driver.capabilities & {{"write", "methods"}}))
"""


def _in_a_process_of_its_own(acting: bool) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(acting=acting)], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.splitlines()


def test_without_acting_the_code_that_writes_is_not_loaded():
    assert _in_a_process_of_its_own(False) == ["False", "False False []"]


def test_with_acting_it_is():
    assert _in_a_process_of_its_own(True) == ["True", "True True ['methods', 'write']"]


def test_capabilities_say_which_of_the_two_it_is():
    assert make_driver(settings(URL), []).capabilities >= {"read", "subscribe", "browse", "history_raw"}
    assert not make_driver(settings(URL), []).capabilities & {"write", "methods"}
    assert make_driver(settings(URL, acting=True), []).capabilities >= {"write", "methods"}
