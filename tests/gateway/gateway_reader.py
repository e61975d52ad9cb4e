"""A reader without a Triton: remembers its requests and answers as a test says."""

import asyncio
import dataclasses
from dataclasses import dataclass

from ocdrnet_client import Character, Line, Page, Word

BOX = ((8.0, 6.0), (56.0, 6.0), (56.0, 18.0), (8.0, 18.0))
TILTED = ((-2.0, 40.0), (30.0, 30.0), (33.0, 39.0), (1.0, 49.0))
PAGE = Page(
    64,
    48,
    (
        Line("Grüße 你好", 0.875, BOX, 0.75, (Word("Grüße", 0.5, BOX), Word("你好", 1.0, BOX))),
        Line("tilted", 0.625, TILTED, 0.5, (Word("tilted", 0.625, TILTED),), 1),
    ),
)


def spelled(page):
    """The page with the characters of its words, each as wide as the others."""
    return dataclasses.replace(
        page,
        lines=tuple(
            dataclasses.replace(
                line, words=tuple(dataclasses.replace(word, characters=_letters(word)) for word in line.words)
            )
            for line in page.lines
        ),
    )


def _letters(word):
    def between(one, other, share):
        return tuple(a + (b - a) * share for a, b in zip(one, other, strict=True))

    (first, second, third, fourth), count = word.box, len(word.text)
    edges = [(between(first, second, i / count), between(fourth, third, i / count)) for i in range(count + 1)]
    return tuple(
        Character(letter, word.score, (top, next_top, next_bottom, bottom))
        for letter, (top, bottom), (next_top, next_bottom) in zip(word.text, edges, edges[1:], strict=False)
    )


@dataclass(frozen=True)
class Call:
    image: bytes
    options: dict
    request_id: str
    deadline_s: float


class StandInReader:
    """See `ocdrnet_gateway.core.reader.Reader`; `respond` is awaited for each image and may raise a GatewayError."""

    def __init__(self):
        self.calls = []
        self.cancelled = 0
        self.finished = 0
        self.running = 0
        self.most_running = 0
        self.ready = True
        self.seconds = 0.0
        self.page = PAGE

    async def respond(self, call):
        await asyncio.sleep(self.seconds)
        return spelled(self.page) if call.options.get("characters") == "on" else self.page

    async def read(self, image, options, *, request_id, deadline_s):
        call = Call(image, dict(options), request_id, deadline_s)
        self.calls.append(call)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            page = await self.respond(call)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        self.finished += 1
        return page

    async def is_ready(self):
        return self.ready

    async def close(self):
        pass
