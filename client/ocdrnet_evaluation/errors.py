"""What can be wrong with the files of an evaluation.

OcdrnetError
└── EvaluationError     any of those below; a user's file is at fault, not the server
    ├── TruthError        a truth file that is not in its set's layout; names the file and the line
    ├── VocabularyError   a list of words that cannot be read
    └── FloorsError       a file of floors that is no object of figures and numbers
"""

from ocdrnet_client.errors import OcdrnetError


class EvaluationError(OcdrnetError):
    """A file that an evaluation needs is at fault; the text says which and what is expected."""


class TruthError(EvaluationError):
    """A truth file is not in the layout of its set."""


class VocabularyError(EvaluationError):
    """A list of words cannot be read."""


class FloorsError(EvaluationError):
    """A file of floors cannot be read, or names no figure of this evaluation."""
