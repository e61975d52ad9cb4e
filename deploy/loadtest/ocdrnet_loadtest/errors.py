"""What can go wrong in a load test, apart from the server's answers, which are counted and not raised.

LoadTestError                       a mistake of the user's, or no server (exit code 2)
├── SettingError                      a rate, a duration or an objective that cannot be used
├── ImagesError                     no image to send, or one that cannot be read
├── ResultFileError                   a file that is not a result of this command, or cannot be written
└── NoServerError                     nothing usable answers at the url
"""


class LoadTestError(Exception):
    """Root of everything this package raises on purpose."""


class SettingError(LoadTestError):
    """A rate, a duration or an objective cannot be used; the text names the value and what is allowed."""


class ImagesError(LoadTestError):
    """There is no image to send, or one cannot be read."""


class ResultFileError(LoadTestError):
    """A file is not what `LoadTestResult.to_dict` wrote, or cannot be read or written."""


class NoServerError(LoadTestError):
    """Nothing that reads images answers at the url."""
