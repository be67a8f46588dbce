"""fs-verity: a file that the kernel lets nobody change, and of which it checks each page by a digest that it tells.

Linux, on ext4 and f2fs with the feature ``verity``, and on btrfs (https://docs.kernel.org/filesystems/fsverity.html).
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from io import FileIO
from typing import Final

from wardstead.crypto.verity import BLOCK, SHA256

# linux/fsverity.h: _IOW('f', 133, struct fsverity_enable_arg), _IOWR('f', 134, struct fsverity_digest)
_ENABLE: Final = 0x40806685
_MEASURE: Final = 0xC0046686
_ENABLE_ARG: Final = struct.Struct("<IIIIQIIQ88s")
_DIGEST: Final = struct.Struct("<HH")
_VERSION: Final = 1


def measured(file: FileIO) -> str:
    """The digest by which the kernel checks what is read of an open file, in hexadecimal; empty where it does not."""
    size = 32
    answer = bytearray(_DIGEST.pack(0, size) + bytes(size))
    try:
        fcntl.ioctl(file.fileno(), _MEASURE, answer)
    except OSError:  # no fs-verity here, or not of this file, or by a longer digest than ours
        return ""
    algorithm, length = _DIGEST.unpack_from(answer)
    return answer[_DIGEST.size :].hex() if (algorithm, length) == (SHA256, size) else ""


def make_unchangeable(file: FileIO) -> str:
    """From now on nobody can write to an open file, only remove it. Why that cannot be had; empty where it can.

    The kernel reads the file once for it, and refuses while somebody has it open to write.
    """
    try:
        fcntl.ioctl(file.fileno(), _ENABLE, _ENABLE_ARG.pack(_VERSION, SHA256, BLOCK, 0, 0, 0, 0, 0, b""))
    except OSError as error:
        if error.errno == errno.EEXIST:
            return ""  # another was faster
        if error.errno in {errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL}:
            return "the file system or the kernel has no fs-verity"
        return f"fs-verity: {os.strerror(error.errno or 0)}"
    return ""
