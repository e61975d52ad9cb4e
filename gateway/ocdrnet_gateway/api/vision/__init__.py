"""Google Vision: `POST /v1/images:annotate`, for text."""
