"""The widget's built files: which there are, and in which form they are served."""

import base64
import gzip
import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import brotli
from django.conf import settings

FOLDER = settings.BASE_DIR / "widget_static"
SCRIPT = FOLDER / "chat-widget.js"
COMPRESS = {"br": brotli.compress, "gzip": gzip.compress, "": bytes}
_FILE_NAME = re.compile(r"[\w.-]+\.js", re.ASCII)


class Encoded(NamedTuple):
    content: bytes
    encoding: str
    etag: str


@lru_cache(maxsize=100)
def _encoded(path: Path, changed_at_ns: int, encoding: str) -> Encoded:
    content = COMPRESS[encoding](path.read_bytes())
    return Encoded(content, encoding, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def encoded(path: Path, accept_encoding: str) -> Encoded:
    """A file in the best encoding that the browser takes."""
    parts = [part for part in accept_encoding.split(",") if "q=0" not in part.replace("q=0.", "")]
    names = {part.split(";")[0].strip() for part in parts}
    encoding = next((name for name in COMPRESS if name in names), "")
    return _encoded(path, path.stat().st_mtime_ns, encoding)


def version() -> str:
    """That of the present build, as in `/chat-widget/VERSION.js`."""
    return json.loads((FOLDER / "manifest.json").read_text())["version"]


def lasting(name: str) -> Path | None:
    """The file behind `/chat-widget/NAME`: the present script by its version, a part of it, or either of a release."""
    if not _FILE_NAME.fullmatch(name):
        return None
    if name == f"{version()}.js":
        return SCRIPT
    paths = (FOLDER / "parts" / name, FOLDER / "released" / name)
    return next((path for path in paths if path.is_file()), None)


def integrity() -> str:
    """The present script's hash in the notation of Subresource Integrity."""
    return f"sha384-{base64.b64encode(hashlib.sha384(SCRIPT.read_bytes()).digest()).decode()}"
