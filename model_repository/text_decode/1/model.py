"""Character ids of both readings -> texts of lines and words in reading order; the answer of the ensemble."""

import numpy as np

from ocdrnet_ops.answer.lines import Candidates, FlippedReading, RecognizerOutput, decode_lines
from ocdrnet_ops.answer.merge import merge_lines
from ocdrnet_ops.options import CHARACTERS, CHARSET, GEOMETRY, MERGE, MIN_TEXT_SCORE, choice, number
from ocdrnet_ops.recognition.charset import ALL, Charsets
from ocdrnet_triton.requests import answer_each, options, tensor, text_tensor
from ocdrnet_triton.settings import prepare_process, recognizer_card


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        self._card = recognizer_card(args)
        self._charsets = Charsets(self._card)

    def execute(self, requests):
        return answer_each(requests, self._answer)

    def _answer(self, request):
        chosen = options(request)
        candidates = Candidates(
            tensor(request, "BOXES"), tensor(request, "BOX_SCORES"), tensor(request, "CROP_WIDTHS")[:, 0]
        )
        allowed = chosen.get(CHARSET.name, ALL)
        ids, turned_ids = (
            self._charsets.restrict(allowed, tensor(request, name)) for name in ("OUTPUT_ID", "TURNED_ID")
        )
        first = RecognizerOutput(ids, tensor(request, "OUTPUT_PROB"))
        second = FlippedReading(turned_ids, tensor(request, "TURNED_PROB"), tensor(request, "TURNED"))
        width, height = tensor(request, "IMAGE_SIZE").tolist()
        least = number(chosen, MIN_TEXT_SCORE, self._card.min_text_score)
        any_character = self._charsets.find(allowed) is None
        characters = choice(chosen, CHARACTERS) == "on"
        lines = decode_lines(candidates, first, second, (width, height), self._card, least, any_character, characters)
        answer = merge_lines(lines, choice(chosen, MERGE), choice(chosen, GEOMETRY))
        return {
            "LINE_BOXES": answer.boxes,
            "POLYGONS": answer.polygons,
            "LINE_BOX_SCORES": answer.box_scores,
            "TEXTS": text_tensor(answer.texts),
            "TEXT_SCORES": answer.scores,
            "PARAGRAPHS": answer.paragraphs,
            "WORD_BOXES": answer.word_boxes,
            "WORD_TEXTS": text_tensor(answer.word_texts),
            "WORD_SCORES": answer.word_scores,
            "WORD_LINES": answer.word_lines,
            "CHARACTERS": answer.characters,
            "UNREADABLE": np.array([answer.unreadable], np.int32),
        }
