"""The OCR server that LiteParse calls: `POST /ocr`."""
