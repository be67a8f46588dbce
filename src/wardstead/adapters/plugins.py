"""Detectors that other packages bring: entry points of the group ``wardstead.detectors``, those alone that are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from typing import Final

from wardstead.inspection.contract import Checkup, Held, State, check
from wardstead.inspection.ports import TextDetector
from wardstead.kernel.errors import ConfigurationError

GROUP: Final = "wardstead.detectors"


def plugin(name: str, settings: Mapping[str, object], where: str) -> TextDetector:
    """The detector that an installed package calls ``name``: its entry point is called with ``settings``.

    It runs in our process, with our rights: whoever asks for it trusts its package as they trust ours. Raises
    ``ConfigurationError`` where there is none, it cannot be made, or breaks the contract.
    """
    found = [one for one in entry_points(group=GROUP) if one.name == name]
    if len(found) != 1:
        known = sorted({one.name for one in entry_points(group=GROUP)})
        raise ConfigurationError(
            f"there is no detector {name!r}" if not found else f"several packages bring a detector {name!r}",
            where=where, why=f"installed are: {', '.join(known) or 'none'}", next_step="install its package into our environment",
        )  # fmt: skip
    try:
        detector: TextDetector = found[0].load()(dict(settings))
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever somebody else's code raises while it is loaded
        raise ConfigurationError(
            f"the detector {name!r} cannot be made", where=where, why=f"it raises {type(error).__name__}"
        ) from None
    report = checked(detector, thorough=False)
    if report.state is State.BROKEN:
        raise ConfigurationError(
            f"the detector {name!r} breaks the contract", where=where, why=report.why, next_step="tell those who made it"
        )
    return Held(detector)


def checked(detector: TextDetector, *, thorough: bool = True) -> Checkup:
    """The contract's check, with this machine's clock and threads."""
    return check(detector, clock_s=time.perf_counter, together=_together, thorough=thorough)


def _together(calls: Sequence[Callable[[], object]]) -> Sequence[object]:
    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(lambda call: call(), calls))
