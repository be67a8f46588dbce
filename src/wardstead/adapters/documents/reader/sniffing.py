"""What some bytes are: decided by the bytes. A name is only compared with it."""

from __future__ import annotations

import re

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"PK\x03\x04", "zip"), (0, b"PK\x05\x06", "zip"), (0, b"\x1f\x8b", "gz"), (0, b"BZh", "bz2"),
    (0, b"\xfd7zXZ\x00", "xz"), (257, b"ustar", "tar"), (0, b"{\\rtf", "rtf"), (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z archive"), (0, b"Rar!\x1a\x07", "rar archive"), (0, b"\x28\xb5\x2f\xfd", "zstd archive"),
    (0, b"\x89PNG\r\n\x1a\n", "image"), (0, b"\xff\xd8\xff", "image"), (0, b"GIF87a", "image"), (0, b"GIF89a", "image"),
    (0, b"II*\x00", "image"), (0, b"MM\x00*", "image"), (8, b"WEBP", "image"),
    (4, b"ftypheic", "image"), (4, b"ftypavif", "image"),
    (0, b"\x7fELF", "program"), (0, b"MZ", "program"), (0, b"ID3", "sound"), (0, b"OggS", "sound"), (0, b"fLaC", "sound"),
    (8, b"WAVE", "sound"), (4, b"ftyp", "film"), (0, b"\x1aE\xdf\xa3", "film"), (0, b"SQLite format 3\x00", "database"),
    (0, b"%!PS", "PostScript file"),
)  # fmt: skip
BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\x00\x00", "utf-32"), (b"\x00\x00\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))  # fmt: skip
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_HEADERS = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]{0,60}:(?:[ \t][^\r\n]*)?\r?\n(?:[ \t][^\r\n]*\r?\n)*){2,}\r?\n")
_MAIL_FIELDS = re.compile(
    rb"^(?:from|to|date|subject|message-id|mime-version|received|return-path):", re.IGNORECASE | re.MULTILINE
)
_PLAIN = {
    "txt", "md", "csv", "tsv", "json", "jsonl", "yaml", "yml", "xml", "toml", "ini", "cfg", "log", "py", "js", "ts", "c", "h",
    "cpp", "java", "go", "rs", "rb", "php", "sh", "sql", "css", "tex", "srt", "vtt", "ics", "vcf", "svg", "rst", "env", "pem",
}  # fmt: skip
_NAMED = {
    "pdf": "pdf", "docx": "docx", "docm": "docx", "dotx": "docx", "xlsx": "xlsx", "xlsm": "xlsx", "pptx": "pptx", "pptm": "pptx",
    "odt": "odf", "ods": "odf", "odp": "odf", "epub": "epub", "html": "html", "htm": "html", "xhtml": "html", "eml": "eml",
    "msg": "msg", "rtf": "rtf", "zip": "zip", "tar": "tar", "gz": "gz", "tgz": "gz", "bz2": "bz2", "xz": "xz",
    "png": "image", "jpg": "image", "jpeg": "image", "gif": "image", "webp": "image", "tif": "image", "tiff": "image",
    **dict.fromkeys(_PLAIN, "text"),
}  # fmt: skip


def sniff(data: bytes, name: str) -> str:
    """The kind of ``data``. ``name`` decides only between kinds of text that are the same bytes: ``.html``, ``.eml``."""
    if b"%PDF-" in data[:1024]:
        return "pdf"
    for at, magic, kind in _MAGIC:
        if data.startswith(magic, at):
            return kind
    if not looks_like_text(data):
        return "binary"
    ending = _ending(name)
    head = _plain_head(data)
    if _HTML.match(head) or ending in {"html", "htm", "xhtml"}:
        return "html"
    headers = _HEADERS.match(head)
    if headers and (ending == "eml" or len({one.lower() for one in _MAIL_FIELDS.findall(headers[0])}) >= 2):
        return "eml"
    return "text"


def _plain_head(data: bytes) -> bytes:
    head = data[:16384]
    for bom, encoding in BOMS:
        if head.startswith(bom):
            return head.decode(encoding, "ignore").encode("utf-8", "ignore")
    return head


def looks_like_text(data: bytes) -> bool:
    """Whether it may be text in some encoding: few control characters, and NUL only where UTF-16 or 32 puts it."""
    if any(data.startswith(bom) for bom, _ in BOMS):
        return True
    head = data[:8192]
    if b"\x00" in head:
        return wide(head) != ""
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b\b" for byte in head)
    return controls <= len(head) // 50


def wide(head: bytes) -> str:
    """UTF-16 without a mark at its beginning, by where its NULs are; empty for anything else."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if odd > half * 0.4 and even < half * 0.1:
        return "utf-16-le"
    if even > half * 0.4 and odd < half * 0.1:
        return "utf-16-be"
    return ""


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def contradiction(kind: str, name: str) -> str:
    """What to say where the name claims something else than the content; empty where it does not."""
    ending = _ending(name)
    named = _NAMED.get(ending)
    if named is None or named == kind or (kind == "eml" and named == "text"):
        return ""
    return f"it is named .{ending}, and is a file of the kind {kind}"
