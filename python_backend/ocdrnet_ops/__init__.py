"""The algorithms of the OCR pipeline, free of Triton: every function can be tested and timed alone.

The path of an image: `decode` -> `resize` -> (detector) -> `dbnet` -> `crop` -> (recognizer) -> `ctc` or `attention` ->
`words`.
"""
