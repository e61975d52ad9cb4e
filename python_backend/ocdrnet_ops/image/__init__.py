"""What image files say of themselves, found before a decoder sees them: one module for each format.

Each `parse` bounds its own work, refuses what would cost a decoder too much, and hands on only those parts of the file
that the pixels of the first frame need: no metadata, no further frames. So what decoders and metadata parsers do with a
stranger's ICC profile, EXIF directory, comment or thousandth frame does not matter. Nothing here imports an image
library, but `heif`, which asks one for the size.
"""
