"""What a file is, and which kinds may be sent. That says its content, never its name or what the sender calls it."""

import io
import re
import unicodedata
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from threading import Lock
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageOps

from sessions_app.errors import Invalid

_OFFICE = "application/vnd.openxmlformats-officedocument."
# Content type -> the endings that a name of it may have; the first is added where it has none of them.
TYPES = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    "application/pdf": (".pdf",),
    f"{_OFFICE}wordprocessingml.document": (".docx",),
    f"{_OFFICE}spreadsheetml.sheet": (".xlsx",),
    f"{_OFFICE}presentationml.presentation": (".pptx",),
    "application/vnd.oasis.opendocument.text": (".odt",),
    "application/vnd.oasis.opendocument.spreadsheet": (".ods",),
    "text/plain": (".txt", ".log"),
    "text/csv": (".csv",),
}
ENDINGS = tuple(ending for endings in TYPES.values() for ending in endings)
IMAGES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
_OFFICE_PARTS = {
    "word/document.xml": f"{_OFFICE}wordprocessingml.document",
    "xl/workbook.xml": f"{_OFFICE}spreadsheetml.sheet",
    "ppt/presentation.xml": f"{_OFFICE}presentationml.presentation",
}

MAX_NAME_CHARS = 100
# A few bytes of PNG may stand for any number of pixels, each of which takes four bytes.
MAX_PIXELS = 50_000_000
THUMBNAIL_PIXELS = 480
THUMBNAIL_TYPE = "image/webp"
PORTRAIT_PIXELS = 128

# One at a time in each process: what is allowed once must not be taken by forty uploads at once.
_unpacking = Lock()


class Look(NamedTuple):
    """What a file is."""

    content_type: str
    thumbnail: bytes | None = None
    width: int | None = None
    height: int | None = None


def clean_name(name: str, content_type: str) -> str:
    """The sender's name for it, without a path and without characters that hide what it is, and with an ending that
    fits: a name cannot make a programme of a picture."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    # Control and format characters, among them those that turn the direction: "gpj.exe" would read "exe.jpg".
    name = "".join(" " if char.isspace() else char for char in name if unicodedata.category(char)[0] != "C")
    stem, dot, ending = name.rpartition(".")
    ending = dot + ending
    if ending.lower() not in TYPES[content_type]:
        stem, ending = name, TYPES[content_type][0]
    stem = stem[: MAX_NAME_CHARS - len(ending)].strip(" .")
    return f"{stem or 'file'}{ending}"


def inspect(file: BinaryIO, name: str) -> Look:
    """Raises Invalid for what is none of TYPES, or is broken."""
    file.seek(0)
    head = file.read(16)
    if head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")) or head[8:12] == b"WEBP":
        return _look_at_image(file)
    if head.startswith(b"%PDF-"):
        return Look("application/pdf")
    if head.startswith(b"PK\x03\x04"):
        return Look(_office_type(file, name))
    return Look(_text_type(file, name))


def _not_allowed(text: str) -> Invalid:
    return Invalid(text, fields={"file": [text]})


def _unknown(name: str) -> Invalid:
    """For content that is none of TYPES: whose name has the ending of one should not read that the kind is refused."""
    is_claimed = PurePath(name).suffix.lower() in ENDINGS
    damaged = "This file is damaged or not what its name says."
    return _not_allowed(damaged if is_claimed else "Files of this kind cannot be sent.")


def portrait(file: BinaryIO) -> bytes:
    """The middle of a picture as a small square, of THUMBNAIL_TYPE. Raises Invalid for what is no picture."""
    with _opened(file, "This is no picture, or a damaged one.") as image:
        small = ImageOps.fit(_small(image), (PORTRAIT_PIXELS, PORTRAIT_PIXELS))
        return _webp(small)


def _look_at_image(file: BinaryIO) -> Look:
    with _opened(file) as image:
        small = _small(image)
        return Look(IMAGES[image.format], _webp(small), small.width, small.height)


@contextmanager
def _opened(file: BinaryIO, damaged: str = "This picture is damaged.") -> Iterator[Image.Image]:
    """Raises Invalid, also for what turns out to be damaged while it is unpacked."""
    file.seek(0)
    try:
        with _unpacking, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file, formats=list(IMAGES)) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise _not_allowed("This picture has too many pixels.")
                yield image
    except Invalid:
        raise
    except Exception as error:  # Pillow raises many kinds, and a file that it cannot read is never our failure
        raise _not_allowed(damaged) from error


def _small(image: Image.Image) -> Image.Image:
    # JPEG alone can be unpacked to a smaller size at once.
    image.draft("RGB", (THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    image.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    # Cameras write how they were held, browsers turn the picture accordingly; the rest of it (the place!) is left.
    small = ImageOps.exif_transpose(image)
    small = small.convert("RGBA" if small.has_transparency_data else "RGB")
    small.info.clear()
    return small


def _webp(image: Image.Image) -> bytes:
    output = io.BytesIO()
    image.save(output, "WEBP", quality=80)
    return output.getvalue()


def _office_type(file: BinaryIO, name: str) -> str:
    """Of a zip file: what office it is from. Nothing of it is unpacked but ODF's short first entry."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            first = archive.infolist()[0]
            if first.filename == "mimetype" and first.file_size < 100 and first.compress_type == zipfile.ZIP_STORED:
                found = archive.read(first).decode("ascii", "replace")
            else:
                found = next((kind for part, kind in _OFFICE_PARTS.items() if part in names), "")
    except (zipfile.BadZipFile, OSError, ValueError, IndexError, NotImplementedError, RuntimeError) as error:
        raise _unknown(name) from error
    # Macros are programmes.
    if found not in TYPES or any(part.endswith("vbaProject.bin") for part in names):
        raise _unknown(name)
    return found


def _text_type(file: BinaryIO, name: str) -> str:
    """Text has no mark of its own: its name says what it is, and it must be text."""
    ending = PurePath(name).suffix.lower()
    found = next((kind for kind in ("text/plain", "text/csv") if ending in TYPES[kind]), None)
    file.seek(0)
    data = file.read()
    if found is None or not data:
        raise _unknown(name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What older programmes write. It takes any byte, so controls decide.
        text = data.decode("latin-1")
    if re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", text):
        raise _unknown(name)
    return found
