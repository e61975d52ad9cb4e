import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from ocdrnet_deploy.server.readiness import send_warm_up_request
from ocdrnet_deploy.warm_up_image import warm_up_image


@pytest.fixture
def asked():
    """A server that answers 500 to everything, what it was asked, and its address."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, self.headers["Inference-Header-Content-Length"], body))
            self.send_error(500)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield seen, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_image_goes_to_the_ensemble_and_an_error_is_nobodys_business(asked):
    seen, address = asked
    send_warm_up_request(address)
    assert seen == [("/v2/models/ocdrnet/infer", "0", warm_up_image())]


def test_no_server_is_nobodys_business_either():
    send_warm_up_request("http://127.0.0.1:9")


def test_the_image_is_a_jpeg_with_something_on_it():
    picture = Image.open(io.BytesIO(warm_up_image()))
    assert (picture.format, picture.size) == ("JPEG", (1280, 720))
    assert picture.convert("L").getextrema()[0] < 30
