"""What keeps the gateway from starting; what it answers to callers is in `http_errors`.

StartError
├── SettingsError    a setting cannot be used
├── KeysError        a keys file or a key's name cannot be used
└── ListenError      the address or port cannot be listened on, or a part did not start
"""


class StartError(Exception):
    """The root; its text says what was wrong and what to do."""


class SettingsError(StartError):
    """A setting cannot be used; the text names it and what is allowed."""


class KeysError(StartError):
    """A keys file or a key's name cannot be used."""


class ListenError(StartError):
    """The address or port cannot be listened on, or a part did not start."""
