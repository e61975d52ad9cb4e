"""The interface of Mistral OCR: `POST /v1/ocr` with a `document`, and the files that it reads."""
