"""Auditing the software around models: what is installed, and what is known to be wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import msgspec

from wardstead.adapters.artifacts.inventory import Unread, inventory
from wardstead.bootstrap.places import Places
from wardstead.kernel.errors import CallerError, ConfigurationError
from wardstead.supply.advisories import vex
from wardstead.supply.advisories.audit import Audit, Gap, Knowledge, audit
from wardstead.supply.packages.package import Package
from wardstead.supply.packages.servers import servers
from wardstead.supply.ports import Severity


class NothingToAudit(CallerError):
    """What was named is not there, cannot be read, or lists no package."""

    code = "nothing_to_audit"


class Inventory(msgspec.Struct, frozen=True):
    """Packages, and the files that could not be read for some."""

    packages: tuple[Package, ...]
    gaps: tuple[Gap, ...]


def own_environment() -> list[Path]:
    """Where the packages lie that Wardstead runs from."""
    places = dict.fromkeys(Path(one) for one in sys.path if Path(one).name in ("site-packages", "dist-packages"))
    return [one for one in places if one.is_dir() and any(one.glob("*.dist-info"))]


def take_inventory(paths: Iterable[Path]) -> Inventory:
    """Raises ``NothingToAudit``."""
    packages: list[Package] = []
    gaps: list[Gap] = []
    for path in paths:
        try:
            found = inventory(path)
        except OSError as error:
            raise NothingToAudit("this cannot be read", where=str(path), why=error.strerror or "it cannot be opened") from None
        if not found:
            raise NothingToAudit(
                "this lists no packages", where=str(path), next_step="name a lock file, an environment or an image"
            )
        packages += [one for one in found if isinstance(one, Package)]
        gaps += [_gap(one) for one in found if isinstance(one, Unread)]
    packages += list(servers(packages))
    return Inventory(tuple(sorted(set(packages))), tuple(gaps))


def _gap(unread: Unread) -> Gap:
    what = f"{unread.file}: {unread.why}"
    if unread.rule == "bomb":
        return Gap(
            "bomb",
            what,
            "do not run it: nothing that it holds is known, and it is built to exhaust whoever unpacks it",
            Severity.BLOCK,
        )
    return Gap("unreadable", what, "mend or remove it: what it lists is not known")


def audited(found: Inventory, known: Knowledge, today: date) -> Audit:
    """What is wrong with the packages, and what could not be known."""
    result = audit(found.packages, known, today)
    return msgspec.structs.replace(result, gaps=(*found.gaps, *result.gaps))


def statements(directory: Path, given: Path | None) -> tuple[vex.Statement, ...]:
    """Of the file that is given, or of the deployment's. Raises ``ConfigurationError``."""
    path = given or Places(directory).policies / "vex.yaml"
    if given is None and not path.exists():
        return ()
    try:
        return vex.read(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "statements cannot be read", where=str(path), why=getattr(error, "strerror", None) or "it is not UTF-8"
        ) from None
