"""What a caller can do wrong.

OcrInputError
├── ImageError      the bytes are not a readable image, or the image is over a limit
│   └── ImageTooLargeError   its pixels, or what decoding them takes, are over a limit
├── OptionError     an unknown request parameter, or a value outside its range
└── TensorError     a network asked directly, with an input of a size that it does not take
"""


class OcrInputError(ValueError):
    """A mistake in the request; its text goes to the caller as Triton's INVALID_ARG."""


class ImageError(OcrInputError):
    """The image cannot be read or is over a limit; the text names the value and the limit."""


class ImageTooLargeError(ImageError):
    """The image's pixels, or the memory or work of decoding them, are over a limit; the text names both."""


class OptionError(OcrInputError):
    """A request parameter is unknown or out of range; the text names it, its value and the range."""


class TensorError(OcrInputError):
    """A network's input has a size that it does not take; the text names the size and what it takes."""
