"""The HTTP front door: what calls the hosted `ocdrnet` endpoint or the OCR NIM works here, and a page to try it."""
