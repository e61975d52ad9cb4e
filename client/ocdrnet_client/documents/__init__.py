"""Documents: files of several pages (PDF, TIFF), read page by page, and the formats that a result is written in."""
