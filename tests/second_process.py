"""Loads readings and reconciles in a process of its own, several times.

Arguments: address of the store, state folder, name of the device it loads, number of rounds. The
token is in LIVINGLAB_STORE_TOKEN. Prints how many rounds met another writer.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from small_lab import START, arrive, history, registry_of

from livinglab import pipeline
from livinglab.errors import OvertakenError
from livinglab.project import Project
from livinglab.store import open_store
from livinglab.timeline import DAY_NS, HOUR_NS


def main(url: str, state: str, name: str, rounds: int) -> int:
    """Load an hour and reconcile, again and again; unexpected failures end with an error."""
    store = open_store(url, token=os.environ.get("LIVINGLAB_STORE_TOKEN"), state_dir=Path(state))
    project = Project(registry_of(), store=store, state_dir=Path(state))
    met = 0
    for number in range(rounds):
        start = START + (20 + 2 * number) * HOUR_NS
        arrive(store, history([name], start, start + 3 * HOUR_NS), loader=f"loader-of-{name}")
        outcome = pipeline.reconcile(
            project, themes=["noise"], levels=["clean", "indicators"], now_ns=START + 2 * DAY_NS
        )
        unexpected = [each for _, each in outcome.failures if not isinstance(each, OvertakenError)]
        if unexpected:
            raise unexpected[0]
        met += len(outcome.failures)
    print(met)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:4], int(sys.argv[4])))
