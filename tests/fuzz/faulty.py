"""A worker with every fault that there can be: what a campaign must tell."""

from __future__ import annotations

import json
import os
import sys
import time


def main(first: int, end: int) -> None:
    for number in range(first, end):
        print(json.dumps({"number": number, "kind": "still", "source": "a.png"}), flush=True)
        if number == 1:
            time.sleep(60)
        if number == 2:
            os._exit(9)
        fault = "ValueError: oh" if number == 3 else None
        print(json.dumps({"number": number, "outcome": "refused: broken", "fault": fault}), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[4:6]))
