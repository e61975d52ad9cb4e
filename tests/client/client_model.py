"""What the stand-in servers have in common: a model that remembers its requests and answers as a test says."""

import threading
import time
from dataclasses import dataclass, field

from client_answers import EMPTY, tensors_of


class Refused(Exception):
    """The model's answer is an error."""

    def __init__(self, status, message="no reason"):
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class Received:
    """One request as it came over the wire."""

    model: str
    image: bytes
    parameters: dict
    headers: dict
    request_id: str = ""
    at: float = field(default_factory=time.monotonic)


class Model:
    """Answers each request with `respond`, a function that returns tensors or raises `Refused`."""

    def __init__(self):
        self.requests = []
        self.questions = []
        self.ready = True
        self.name = "ocdrnet"
        self.respond = lambda request: tensors_of(EMPTY)
        self.running = 0
        self.most_running = 0
        # Set when a test ends, so that no handler outlives it.
        self.over = threading.Event()
        self._lock = threading.Lock()

    def is_ready(self, headers):
        self.questions.append(headers)
        if isinstance(self.ready, Refused):
            raise self.ready
        return self.ready

    def infer(self, request):
        with self._lock:
            self.requests.append(request)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            return self.respond(request)
        finally:
            with self._lock:
                self.running -= 1

    def stall(self, _request=None):
        """Give no answer while the test runs."""
        self.over.wait(20)
        return tensors_of(EMPTY)

    def fail_first(self, count, status, message="queue is full"):
        """Refuse the first requests, then answer."""

        def respond(request):
            if len(self.requests) <= count:
                raise Refused(status, message)
            return tensors_of(EMPTY)

        self.respond = respond
