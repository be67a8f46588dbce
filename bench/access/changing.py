"""What changing access costs those who ask meanwhile: ``python -m bench.access.changing [--seconds S] [--rounds N]``.

The same gateway with and without an operator who once a second activates another version of the policies, revokes a key and makes
one. Rounds are interleaved; medians are shown, and their ratios. Afterwards the ledger is read from its beginning: it ends
with an error when an exchange failed, or an intent was committed under a version that was in force no more. One worker has a core
and the load another; several (``--workers N``) share both with it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import targets
from bench.run import BUILD, LOAD, machine
from bench.targets import LOAD_CORE, Target, pinned
from wardstead.adapters.store.tables.ledger import entry
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.policy import policies

CHANGES_EVERY_S = 1.0
POLICY = '@id("marker-%d") @reason("version %d") permit (principal, action == Action::"infer", resource);'


@contextmanager
def operator(deployment: Deployment, versions: Iterator[int], made: Counter[str]) -> Iterator[None]:
    """Somebody who changes what decides, until it is left."""
    stopping = threading.Event()

    def change() -> None:
        key = people.create_key(deployment, "other", [], [], None)
        while not stopping.wait(CHANGES_EVERY_S):
            number = next(versions)
            (deployment.places.policies / "90.cedar").write_text(POLICY % (number, number))
            policies.activate(deployment, f"version {number}")
            deployment.directory.revoke_api_key(key.id)
            key = people.create_key(deployment, "other", [], [], None)
            made.update(["activations", "revocations"])

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


@dataclass(frozen=True)
class Row:
    """Requests per second, and the processor's time that all processes of the gateway took for each, in µs."""

    rps: float
    cpu_us: float


def load(target: Target, driver: Path, seconds: float) -> Row:
    """Over 32 connections. Raises ``SystemExit`` when a request failed."""
    before = target.cpu_s()
    command = pinned(
        LOAD_CORE,
        driver,
        "-p",
        str(target.port),
        "-A",
        target.token,
        "-c",
        "32",
        "-d",
        str(seconds),
        "-b",
        str(LOAD / "body.json"),
    )
    said: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if said["err"] or not said["ok"]:
        raise SystemExit(f"{said['err']} of {said['ok'] + said['err']} requests failed: {said['sample']}")
    return Row(float(said["rps"]), (target.cpu_s() - before) / said["ok"] * 1e6)


def check(deployment: Deployment) -> int:
    """How many intents there are. Raises ``SystemExit`` for one that was committed under another version than that in force."""
    with deployment.engine.connect() as connection:
        kinds = entry.c.kind.in_(["intent", "admin"])
        rows = connection.execute(entry.select().where(kinds).order_by(entry.c.id)).mappings().all()
    in_force, found = "", 0
    for row in rows:
        opened = deployment.ledger.open_exchange(row["exchange"], deployment.ring)
        content = opened["entries"][0]["content"] if opened is not None else {}
        if row["kind"] == "admin":
            in_force = content["details"]["after"] if content["action"] == "policy.activate" else in_force
        elif content["versions"]["policy"] != in_force:
            raise SystemExit(f"{row['exchange']} was committed under {content['versions']['policy']}; in force was {in_force}")
        else:
            found += 1
    return found


def main() -> int:
    """Measure, check, show."""
    parser = argparse.ArgumentParser(prog="python -m bench.access.changing", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    mock, driver = targets.compile_tools(BUILD)
    quiet, changing, made = list[Row](), list[Row](), Counter[str]()
    versions = iter(range(1, 1_000_000))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        everything = [targets.start_mock(mock, folder)]
        try:
            target = targets.start_wardstead(everything[0].port, folder / "deployment", tls=False, workers=given.workers)
            everything.append(target)
            deployment = Deployment(folder / "deployment", {})
            load(target, driver, 1)
            for _ in range(given.rounds):
                quiet.append(load(target, driver, given.seconds))
                with operator(deployment, versions, made):
                    changing.append(load(target, driver, given.seconds))
            intents = check(deployment)
            deployment.engine.dispose()
        finally:
            for one in reversed(everything):
                one.stop()
    shown: dict[str, Any] = {"machine": machine(given.rounds)["cpu"], "day": time.strftime("%Y-%m-%d", time.gmtime())}
    for name in ("rps", "cpu_us"):
        usual, meanwhile = (statistics.median(getattr(row, name) for row in rows) for rows in (quiet, changing))
        shown[name] = {"quiet": round(usual), "changing": round(meanwhile), "ratio": round(meanwhile / usual, 2)}
    shown |= {"workers": given.workers, "intents": intents, **made}
    print(json.dumps(shown, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
