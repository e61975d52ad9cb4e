"""What a body is that cannot be used, and what its sender can do: most are sound, and of another kind."""

from __future__ import annotations

import re

# The beginnings of files, and what to say of each after "it is".
_IMAGES = {
    b"\xff\xd8\xff": "a JPEG",
    b"\x89PNG\r\n\x1a\n": "a PNG",
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"II+\0": "a BigTIFF",
    b"MM\0+": "a BigTIFF",
}
_OTHERS = (
    (
        re.compile(rb"\s*%PDF-"),
        "a PDF; POST /v1/read takes it, here make images of its pages first (pdftoppm -r 200 -png)",
    ),
    (re.compile(rb"\x1f\x8b"), "compressed by gzip; send it uncompressed"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "compressed by zstd; send it uncompressed"),
    (re.compile(rb"PK\x03\x04"), "a zip archive; send the images in it one by one"),
    (re.compile(rb"\x89PNG\n?\x1a"), "a PNG without its line breaks, as `curl -d` takes them out; use --data-binary"),
    (re.compile(rb"\xef\xbf\xbd"), "an image that was treated as text, which destroys it; send its bytes"),
    (re.compile(rb"%!PS"), "PostScript; make an image of it first"),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "a JPEG XL; convert it to JPEG or PNG"),
    (re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"), "a JPEG 2000; convert it to JPEG or PNG"),
    (
        re.compile(rb"(\xef\xbb\xbf)?\s*<(\?xml|svg|!DOCTYPE svg)", re.IGNORECASE),
        "SVG or XML; make an image of it first",
    ),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<(!DOCTYPE )?html", re.IGNORECASE), "an HTML page, perhaps the error of a server"),
    (
        re.compile(rb"(\xef\xbb\xbf)?\s*[{\[]\s*[\"{\]}]"),
        "JSON; POST /v1/infer takes that, here the file itself is the body",
    ),
    (re.compile(rb"\s*data:"), "a data URL; here the file's bytes are the body, without base64"),
    (
        re.compile(rb"[A-Za-z0-9+/_-]{60}[A-Za-z0-9+/_=\r\n-]*\Z"),
        "base64; here the file's bytes are the body, without it",
    ),
    (re.compile(rb"[A-Za-z0-9_.%+-]{1,64}=\S*\Z"), "an HTML form; send the file alone (curl --data-binary @photo.jpg)"),
)
_FORM = re.compile(rb"[A-Za-z0-9_.%+-]{1,64}=")
_MULTIPART = re.compile(rb"\s*--[^\r\n]{1,200}\r?\nContent-Disposition:", re.IGNORECASE)
_BOXED = re.compile(rb".{4}ftyp(.{4})", re.DOTALL)
_BRANDS = {
    "heic": "HEIC",
    "heix": "HEIC",
    "hevc": "HEIC",
    "hevx": "HEIC",
    "mif1": "HEIF",
    "msf1": "HEIF",
    "avif": "AVIF",
    "avis": "AVIF",
}
_SEEN = 512


def other_than_image(data: bytes, content_type: str = "", content_encoding: str = "") -> str | None:
    """What a body is that was to be an image, as the rest of a sentence after "it is"; None: nothing that is known.

    Args:
        data: the body.
        content_type: of the request that brought it.
        content_encoding: likewise.
    """
    if not data:
        return "empty"
    if content_encoding.lower() not in ("", "identity"):
        return f"compressed by {content_encoding[:20]!r}; send it uncompressed, without a content-encoding"
    start = data[:_SEEN]
    if _is_multipart(start, content_type):
        return "a multipart form; send the file alone (curl --data-binary @photo.jpg, not --form)"
    boxed = _BOXED.match(start)
    if boxed is not None:
        brand = boxed[1].decode("latin-1").lower()
        return (
            f"a {_BRANDS[brand]} whose header is damaged" if brand in _BRANDS else "a video; send one frame as an image"
        )
    picture = _image(start)
    if picture is not None:
        return f"{picture} whose header is damaged"
    return next((said for pattern, said in _OTHERS if pattern.match(start)), None)


def other_than_json(data: bytes, content_type: str = "", content_encoding: str = "") -> str | None:
    """What a body is that was to be JSON, as a sentence; None: it seems to be JSON with a fault in it."""
    if not data:
        return "the body is empty; send JSON"
    if content_encoding.lower() not in ("", "identity"):
        return f"the body is compressed by {content_encoding[:20]!r}; send it uncompressed, without a content-encoding"
    start = data[:_SEEN]
    if _is_multipart(start, content_type):
        said = "a multipart form"
    elif content_type.lower().startswith("application/x-www-form-urlencoded") and _FORM.match(start):
        said = "an HTML form"
    elif start.lstrip()[:1] in (b"{", b"["):
        return None
    else:
        said = _image(start) or (other_than_image(start) or "").partition(";")[0]
    return f"the body is {said}; this path takes JSON, and POST /v1/read the image's file as the body" if said else None


def _image(start: bytes) -> str | None:
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "a WebP"
    return next((name for magic, name in _IMAGES.items() if start.startswith(magic)), None)


def _is_multipart(start: bytes, content_type: str) -> bool:
    return content_type.lower().lstrip().startswith("multipart/") or _MULTIPART.match(start) is not None
