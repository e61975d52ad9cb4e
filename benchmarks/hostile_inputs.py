"""What a stranger may send: mutated image files, request options and HTTP requests; and sound images of text.

Input `n` of a seed is always the same, whatever was made before it, so that a finding can be made again.
"""

from __future__ import annotations

import base64
import io
import json
import random
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocdrnet_ops.options import OPTIONS

_HEIC = Path(__file__).parents[1] / "tests" / "ops" / "pictures"
# What breaks arithmetic: nothing, signs, and the ends of 8, 16, 31, 32 and 63 bits.
_NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 10_000, 100_000, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
_MOST_BYTES = 1 << 20  # of a mutated file: repeated parts grow no further
_BIG_SHARE = 0.002  # of the images have up to the pixel limit
_BIG_PIXELS = 120_000_000
_VALUES: tuple[object, ...] = (
    *(0, 1, -1, 0.5, 1e308, -1e308, 10**30, 10**400, True, None, [], {}, "", "0", "-0", "nan", "inf", "1e999", "0x10"),
    *("1_000", " 5 ", "5\n", "\u0665", "\ud800", "\x00", "9" * 5000, "all", "digits", "a" * 100_000, "\u202e" * 999),
    *([[[[1]]]], {"a": {"b": 1}}, ["auto"], "AUTO ", "on\r\nx: y", "😀" * 1000, "off", "auto", "polygon", "word"),
)
_HEADERS = (
    *("content-encoding: gzip", "content-type: multipart/form-data; boundary=x", "content-type: " + "a" * 9000),
    *("content-type: text/plain", "transfer-encoding: chunked", "expect: 100-continue", "range: bytes=0-"),
    *("authorization: Bearer \xff\xfe", "authorization: Basic " + "A" * 5000, "nvcf-poll-seconds: -1"),
    *("nvcf-poll-seconds: 0", "nvcf-poll-seconds: 1e999", "nvcf-input-asset-references: ../../etc", "host: a@b:c"),
    *("x-request-id: " + "\t" * 300, "cookie: " + "a=b;" * 2000, "upgrade: websocket", "if-none-match: *"),
    *("x-forwarded-for: " + "1.2.3.4," * 200, "x-forwarded-proto: javascript", "origin: null", "accept: \x01"),
)


@cache
def picture_seeds() -> dict[str, bytes]:
    """Small images, one for each way through the decoder's guard."""
    values = np.arange(24 * 16, dtype=np.uint16).reshape(16, 24)
    gray = (values % 251).astype(np.uint8)
    rgb = Image.fromarray(np.dstack([gray, 255 - gray, gray // 2]))
    rgba = Image.merge("RGBA", (*rgb.split(), Image.fromarray(gray)))
    turned = Image.Exif()
    turned[0x0112] = 6
    return {
        "baseline.jpg": encoded(rgb, "JPEG", exif=turned),
        "progressive.jpg": encoded(rgb, "JPEG", progressive=True),
        "cmyk.jpg": encoded(rgb.convert("CMYK"), "JPEG"),
        "endless.jpg": encoded(rgb, "JPEG")[:-2],
        "rgba.png": encoded(rgba, "PNG", exif=turned),
        "gray16.png": encoded(Image.fromarray(values), "PNG"),
        "palette.png": encoded(rgb.quantize(16), "PNG", transparency=3),
        "frames.png": encoded(rgb, "PNG", save_all=True, append_images=[rgba.convert("RGB")]),
        "lossy.webp": encoded(rgba, "WEBP", exif=turned),
        "lossless.webp": encoded(rgb, "WEBP", lossless=True),
        "frames.webp": encoded(rgb, "WEBP", save_all=True, append_images=[rgba]),
        "frames.gif": encoded(rgb, "GIF", save_all=True, append_images=[rgba]),
        "rgb.bmp": encoded(rgb, "BMP"),
        "gray.bmp": encoded(Image.fromarray(gray), "BMP"),
        "raw.tif": encoded(rgb, "TIFF", tiffinfo={0x0112: 6}),
        "big.tif": encoded(rgb, "TIFF", big_tiff=True),
        "lzw.tif": encoded(rgba, "TIFF", compression="tiff_lzw"),
        "jpeg.tif": encoded(rgb, "TIFF", compression="jpeg"),
        "fax.tif": encoded(rgb.convert("1"), "TIFF", compression="group4"),
        "float.tif": encoded(Image.fromarray(values.astype(np.float32)), "TIFF"),
        "pages.tif": encoded(rgb, "TIFF", save_all=True, append_images=[rgb]),
        "small.avif": encoded(rgb, "AVIF", quality=50),
    }


def text_images() -> dict[str, bytes]:
    """A few small images, each with text of its own."""
    made = {}
    for number, words in enumerate(("Copper Kettle 12", "Platform 9", "Total 1,284.50\nReference KX-7731", "Exit B")):
        canvas = Image.new("RGB", (360 + 40 * number, 140), "white")
        ImageDraw.Draw(canvas).text((20, 30), words, "black", ImageFont.load_default(36))
        made[f"{number}"] = encoded(canvas, "PNG" if number % 2 else "JPEG")
    return made


@cache
def _all_seeds() -> dict[str, bytes]:
    """With HEIC, of which there is no encoder here."""
    return picture_seeds() | {path.name: path.read_bytes() for path in sorted(_HEIC.glob("*.heic"))}


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    """An image's file; the options are Pillow's."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(random_: random.Random) -> tuple[str, bytes]:
    """The format and the bytes of one hostile image."""
    if random_.random() < _BIG_SHARE:
        return _big_image(random_)
    seeds = _all_seeds()
    name = random_.choice(sorted(seeds))
    return name.rpartition(".")[2], mutated(random_, seeds[name], list(seeds.values()))


def mutated(random_: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One to eight changes, most of them small and near the start, where the headers are."""
    file = bytearray(data)
    for _ in range(random_.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        if not file or len(file) > _MOST_BYTES:
            break
        at = random_.randrange(len(file))
        if random_.random() < 0.5:
            at = min(at, random_.randrange(64))
        end = min(len(file), at + random_.choice((1, 2, 4, 12, 64, 4096)))
        change = random_.randrange(9)
        if change == 0:
            file[at] ^= 1 << random_.randrange(8)
        elif change == 1:
            file[at] = random_.randrange(256)
        elif change in (2, 3):  # a number that the header may hold
            size, value = random_.choice((2, 4, 4)), random_.choice(_NUMBERS)
            packed = (value % (1 << 8 * size)).to_bytes(size, "little")
            file[at : at + size] = packed if random_.random() < 0.5 else packed[::-1]
        elif change == 4:
            del file[at:end]
        elif change == 5:
            file[at:at] = file[at:end] * min(random_.choice((1, 2, 50, 5000)), _MOST_BYTES // (end - at))
        elif change == 6:
            del file[at:]
        elif change == 7:
            other = random_.choice(others)
            file[at:] = other[random_.randrange(len(other)) :]
        else:
            file[at:at] = random_.randbytes(random_.choice((1, 3, 100, 20_000)))
    return bytes(file)


def _big_image(random_: random.Random) -> tuple[str, bytes]:
    """A small file of many pixels: the most that an image may cost."""
    sides = random_.choice(((10_000, 10_000), (7000, 7000), (60_000, 1600), (1, 65_000), (7400, 7400), (12_000, 9000)))
    kind = random_.choice(("png", "png", "png", "jpg", "gif", "tif", "webp"))
    if kind == "png":
        depth, colour, samples = random_.choice(((8, 0, 1), (8, 2, 3), (8, 6, 4), (16, 0, 1), (16, 2, 3), (16, 6, 4)))
        return "png", _png(*sides, depth, colour, depth * samples // 8)
    mode = {"jpg": random_.choice(("L", "RGB", "CMYK")), "gif": "P", "webp": "RGBA"}.get(kind, "F")
    if kind == "webp" and max(sides) > 16_383:
        sides = (7000, 7000)
    if kind == "jpg":
        return "jpg", encoded(Image.new(mode, sides), "JPEG", progressive=random_.random() < 0.5)
    if kind == "tif":
        return "tif", encoded(Image.new(mode, sides), "TIFF", compression="tiff_adobe_deflate")
    return kind, encoded(Image.new(mode, sides), kind.upper(), **({"method": 0} if kind == "webp" else {}))


def _png(width: int, height: int, depth: int, colour: int, pixel_bytes: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row = zlib.compressobj(1), bytes(1 + width * pixel_bytes)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def options_text(random_: random.Random) -> str:
    """Request parameters as Triton hands them to a step: JSON, sound or not."""
    names = [option.name for option in OPTIONS]
    names += ["ocdrnet-" + name.replace("_", "-") for name in names] + [
        "",
        "priority",
        "OCDRNET-",
        "\x00",
        "a" * 70_000,
    ]
    found = {random_.choice(names): random_.choice(_VALUES) for _ in range(random_.choice((0, 1, 1, 2, 5, 20)))}
    return json.dumps(found)


def http_request(random_: random.Random, routes: Sequence[tuple[str, str]]) -> tuple[str, bytes, bool]:
    """The bytes of a whole HTTP/1.1 request, head and body, that asks the server to close.

    Args:
        random_: what is chosen by.
        routes: method and path, whose `{parts}` are filled in.

    Returns:
        Its route, the bytes, and whether a server can tell where it ends.
    """
    method, path = random_.choice(routes)
    filled = "/".join(_part(random_) if "{" in part else part for part in path.split("/"))
    body = b"" if method in ("get", "delete") and random_.random() < 0.9 else _body(random_, path)
    headers = ["host: gateway", "connection: close"]
    sent_method = method if random_.random() < 0.97 else random_.choice(("HEAD", "OPTIONS", "PATCH", "TRACE", "post"))
    length = len(body) if random_.random() < 0.98 else random_.choice((0, 1, len(body) // 2))
    if "?" in path and random_.random() < 0.9:  # what is signed with an upload
        headers += ["content-type: image/png", "x-amz-meta-nvcf-asset-description: "]
    if body or random_.random() < 0.5:
        headers.append(f"content-length: {length}")
    headers += random_.choices(_HEADERS, k=random_.choice((0, 0, 0, 1, 2)))
    if "?" not in path and random_.random() < 0.3:
        filled += "?" + "&".join(_query(random_) for _ in range(random_.choice((1, 2, 60))))
    head = f"{sent_method.upper()} {filled} HTTP/1.1\r\n" + "\r\n".join(headers) + "\r\n\r\n"
    message = head.encode("latin-1", "replace") + body
    has_end = "transfer-encoding: chunked" not in headers
    if random_.random() < 0.03:
        message, has_end = mutated(random_, message, [message]), False
    return f"{method.upper()} {'a signed upload' if '?' in path else path}", message, has_end


def _part(random_: random.Random) -> str:
    parts = ("a", "%00", "..%2f..%2fetc", "%ff%fe", "a" * 3000, "0" * 32, "%2e%2e", "-1", "{}", "caf%C3%A9", "x" * 36)
    return random_.choice((*parts, str(random_.getrandbits(128))))


def _query(random_: random.Random) -> str:
    name = random_.choice([*(option.name for option in OPTIONS), "timing", "", "%00", "expires", "signature"])
    value = str(random_.choice(_VALUES)).encode("utf-8", "replace")[:2000]
    return f"{name}={''.join(f'%{byte:02x}' for byte in value[:300])}"


def _body(random_: random.Random, path: str) -> bytes:
    data = random_.choice(list(_all_seeds().values())) if random_.random() < 0.3 else picture(random_)[1]
    if path == "/v1/read" or "uploads" in path:
        return data
    kind = random_.randrange(10)
    if kind == 0:
        return random_.choice((b"[", b'{"a":', b"[[],", b'"\\u')) * random_.choice((1, 100, 100_000, 1_000_000))
    if kind == 1:
        return b'--x\r\ncontent-disposition: form-data; name="f"\r\n\r\n' + data + b"\r\n--x--"
    if kind == 2:
        return random_.randbytes(random_.choice((1, 100, 100_000)))
    text = json.dumps(_json(random_, path, data))
    if kind == 3:
        return text.encode(random_.choice(("utf-16", "utf-8-sig", "utf-32", "utf-16-le")))
    return mutated(random_, text.encode(), [text.encode()]) if kind in (4, 5) else text.encode()


def _json(random_: random.Random, path: str, data: bytes) -> object:
    url = _data_url(random_, data)
    if "assets" in path:
        body: dict[str, object] = {"contentType": "image/png", "description": "an image"}
    elif path.endswith("ocdrnet"):
        body = {"image": url, "render_label": random_.random() < 0.5}
    else:
        count = random_.choice((1, 1, 1, 2, 16, 17, 300))
        body = {"input": [{"type": "image_url", "url": url if n == 0 else url[:500]} for n in range(count)]}
        body["merge_levels"] = random_.choice((None, ["word"] * count, ["line"], []))
    for _ in range(random_.choice((0, 0, 1, 2))):
        body[random_.choice((*body, "extra"))] = random_.choice(_VALUES)
    return body


def _data_url(random_: random.Random, data: bytes) -> str:
    text = base64.b64encode(data).decode()
    change = random_.randrange(8)
    if change == 0:
        text = base64.encodebytes(data).decode()
    elif change == 1:
        text = base64.urlsafe_b64encode(data).decode().rstrip("=")
    elif change == 2:
        text = mutated(random_, text.encode(), [text.encode()]).decode("latin-1")
    heads = ("data:image/png;base64,",) * 5 + ("data:,", "http://169.254.169.254/", "data:" + ";a" * 9999 + ",", "")
    return random_.choice(heads) + text
