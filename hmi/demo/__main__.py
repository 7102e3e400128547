"""The demo's command line: ``python -m hmi.demo --port 8000 --dir .demo``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hmi.demo.chain import Chain
from hmi.demo.setting import DemoError, prepare


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description="Everything of Sightline on one machine.")
    parser.add_argument("--port", default="8000", help="port of the web app on 127.0.0.1")
    parser.add_argument("--dir", default=".demo", type=Path, help="where the demo keeps its state")
    parser.add_argument("--record", type=Path, help="keep every byte that the relay carries in this folder")
    arguments = parser.parse_args()
    try:
        setting = prepare(arguments.dir, arguments.port)
        return Chain(setting, record=arguments.record).run()
    except DemoError as error:
        print(f"make demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
