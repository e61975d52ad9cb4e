"""Character ids -> texts of lines and words; the answer of the ensemble."""

from ocdrnet_ops.lines import decode_lines
from ocdrnet_triton.respond import options, respond_each, tensor, text_tensor
from ocdrnet_triton.settings import prepare_process, recognizer_card


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        self._card = recognizer_card(args)

    def execute(self, requests):
        return respond_each(requests, self._answer)

    def _answer(self, request):
        names = ("OUTPUT_ID", "OUTPUT_PROB", "CROP_WIDTHS", "BOXES")
        ids, probabilities, widths, boxes = (tensor(request, name) for name in names)
        width, height = tensor(request, "IMAGE_SIZE").tolist()
        least = options(request).get("min_text_score", self._card.min_text_score)
        lines = decode_lines(ids, probabilities, widths[:, 0], boxes, (width, height), self._card, least)
        return {
            "LINE_BOXES": lines.boxes,
            "LINE_BOX_SCORES": tensor(request, "BOX_SCORES")[lines.kept],
            "TEXTS": text_tensor(lines.texts),
            "TEXT_SCORES": lines.scores,
            "WORD_BOXES": lines.word_boxes,
            "WORD_TEXTS": text_tensor(lines.word_texts),
            "WORD_SCORES": lines.word_scores,
            "WORD_LINES": lines.word_lines,
        }
