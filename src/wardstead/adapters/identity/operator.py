"""Who runs a command on this machine, as the kernel has it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

_NOBODY_LOGGED_IN = 0xFFFF_FFFF
_LOGIN = Path("/proc/self/loginuid")


def operator() -> dict[str, object]:
    """The user of this process, and who logged in where that is somebody else (``sudo``): audit(8)'s login uid."""
    uid, login = os.getuid(), _login_uid()
    said: dict[str, object] = {"os_user": _name(uid), "os_uid": uid}
    return said if login in {None, uid} else {**said, "login_user": _name(login), "login_uid": login}


def _login_uid() -> int | None:
    try:
        uid = int(_LOGIN.read_text())
    except (OSError, ValueError):
        return None
    return None if uid == _NOBODY_LOGGED_IN else uid


def _name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid).pw_name if uid is not None else ""
    except KeyError:
        return ""
