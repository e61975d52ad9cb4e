"""Sends one image again and again from several workers until a file appears, and writes down each request's fate.

python steady_load.py grpc|http ADDRESS PICTURE STOP_FILE RESULT [WORKERS]

ADDRESS is host:port for grpc, a URL that takes the image as its body for http. RESULT becomes a JSON list with
`sent` and `ended`, seconds of the monotonic clock, and `error`, empty if the answer came. Nothing is tried twice.
"""

import json
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

_TIMEOUT_S = 120.0


def _grpc_sender(address: str, picture: bytes) -> Callable[[], None]:
    import numpy as np
    import tritonclient.grpc as triton

    client = triton.InferenceServerClient(address)
    image = triton.InferInput("IMAGE", [len(picture)], "UINT8")
    image.set_data_from_numpy(np.frombuffer(picture, np.uint8))

    def send() -> None:
        answer = client.infer("ocdrnet", [image], client_timeout=_TIMEOUT_S)
        if not answer.as_numpy("TEXTS").size:
            raise ValueError("an answer without text")

    return send


def _http_sender(url: str, picture: bytes) -> Callable[[], None]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    headers = {"Content-Type": "image/jpeg", "Inference-Header-Content-Length": "0"}

    def send() -> None:
        with opener.open(urllib.request.Request(url, picture, headers), timeout=_TIMEOUT_S) as answer:
            if not answer.read():
                raise ValueError("an empty answer")

    return send


def _work(make: Callable[[], Callable[[], None]], stop: Path, fates: list[dict]) -> None:
    send = make()
    while not stop.exists():
        sent, error = time.monotonic(), ""
        try:
            send()
        except Exception as failure:
            # Both: Triton's exception has no text in its repr, others have none in their str.
            error = f"{type(failure).__name__}: {failure}"
        fates.append({"sent": sent, "ended": time.monotonic(), "error": error})
        if error:
            return


def main() -> None:
    protocol, address, picture, stop, result = sys.argv[1:6]
    data = Path(picture).read_bytes()
    sender = _grpc_sender if protocol == "grpc" else _http_sender
    fates: list[dict] = []
    workers = [
        threading.Thread(target=_work, args=(lambda: sender(address, data), Path(stop), fates))
        for _ in range(int((*sys.argv, "8")[6]))
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    Path(result).write_text(json.dumps(fates))


if __name__ == "__main__":
    main()
