"""An enrolment that is killed at every point, each time in a folder of its own: BASE/0, BASE/1 ...; the last one ends.

    python -m tests.relay_bridge.agent.killed_enrolment BASE

BASE/site is the folder before. Before each step that the system could see (a file opened, renamed, made, removed) a
process ends at once, without any clean-up.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from pathlib import Path

from relay_bridge.agent.enrol_folder import SiteFolder
from tests.relay_bridge.agent.test_enrol_folder import terms, write

STEPS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.chown", "os.link"}


def main(base: Path) -> None:
    found = terms()
    with SiteFolder(base / "site", replace=True):  # whatever is imported late is imported now
        pass
    for steps in itertools.count():
        shutil.copytree(base / "site", base / str(steps))
        child = os.fork()
        if not child:
            _enrol(base / str(steps), found, steps)
        _, status = os.waitpid(child, 0)
        if status == 0:
            return


def _enrol(folder: Path, found: object, steps: int) -> None:
    left = itertools.count(steps, -1)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in STEPS and str(folder) in str(arguments[0]) and next(left) == 0:
            os._exit(9)

    with SiteFolder(folder, replace=True) as place:
        sys.addaudithook(hook)
        write(place, found)  # type: ignore[arg-type]
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
