"""The algorithms of the OCR pipeline, free of Triton: every function can be tested and timed alone.

The path of an image: `image.decode` -> `image.resize` -> (detector) -> `detection.detect` -> `geometry.crop` ->
(recognizer) -> `recognition.decoding` -> `answer.lines`, ordered by `layout`.
"""
