"""Damaged image files: every one follows from its seed number alone."""

import random

from encoded_images import encode, sign

KINDS = {
    "JPEG": {"quality": 80},
    "PNG": {},
    "WEBP": {"quality": 80},
    "GIF": {},
    "TIFF": {"compression": "tiff_lzw"},
    "BMP": {},
}


def seed_files():
    return [encode(sign(f"{kind} 12", (160, 64)), kind, **options) for kind, options in KINDS.items()]


def mutated(number, seeds):
    """The file of that number: one of `seeds` after 1 to 4 mutations."""
    rng = random.Random(number)
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choice(_MUTATIONS)(rng, data, seeds)
    return bytes(data)


def _place(rng, data):
    # Often within the header, where sizes, offsets and tables stand.
    return rng.randrange(min(len(data), 64 if rng.random() < 0.3 else len(data)) or 1)


def _change_bytes(rng, data, _seeds):
    for _ in range(rng.choice((1, 1, 4, 32))):
        if data:
            data[_place(rng, data)] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))


def _truncate(rng, data, _seeds):
    del data[_place(rng, data) :]


def _cut_out(rng, data, _seeds):
    start = _place(rng, data)
    del data[start : start + rng.randrange(1, 64)]


def _duplicate(rng, data, _seeds):
    start = _place(rng, data)
    data[start:start] = data[start : start + rng.randrange(1, 256)] * rng.choice((1, 2, 8))


def _splice(rng, data, seeds):
    other = rng.choice(seeds)
    start = rng.randrange(len(other))
    data[_place(rng, data) :] = other[start:]


def _append(rng, data, seeds):
    data += rng.choice(seeds)


_MUTATIONS = (*4 * (_change_bytes,), _truncate, _cut_out, _duplicate, _splice, _append)
