"""Users for locust: each sends an image, waits for its answer, and sends the next (a closed loop).

Importing this patches the process for gevent; nothing else of this package does.
"""

from __future__ import annotations

import json
import logging
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import grpc.experimental.gevent
import numpy as np
import urllib3
from locust import User, events, task
from locust.exception import StopUser
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from ocdrnet_client.address import Address
from ocdrnet_client.errors import ConfigurationError, ServerUnavailableError
from ocdrnet_client.protocol import INPUT, MODEL
from ocdrnet_client.replicas import has_replicas, look_up
from ocdrnet_client.transports.grpc import round_robin_channel
from ocdrnet_loadtest.errors import LoadTestError, SettingError
from ocdrnet_loadtest.sending.base import NO_CONNECTION, NOT_OCR, TIMED_OUT, Reply, SendSettings
from ocdrnet_loadtest.sending.grpc_sender import count_boxes
from ocdrnet_loadtest.sending.http_sender import count_triton_boxes, counted, triton_headers, triton_path
from ocdrnet_loadtest.sent_images import DEFAULT_SPECS, DrawingSpec, SentImage, drawn_images, load_images
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.options import parse_options


def add_options(parser: Any) -> None:  # noqa: ANN401 (locust is untyped)
    """Add them to locust's own."""
    parser.add_argument("--images", env_var="OCDRNET_IMAGES", default="", help="Folder or file; drawn by default.")
    drawn = " ".join(DEFAULT_SPECS)
    parser.add_argument("--draw", env_var="OCDRNET_DRAW", default=drawn, help="WIDTHxHEIGHT:LINES, by spaces.")
    parser.add_argument("--params", env_var="OCDRNET_PARAMS", default="", help="Options, NAME=VALUE, by spaces.")
    parser.add_argument("--ocr-model", env_var="OCDRNET_MODEL", default=MODEL, help="The ensemble's name.")
    parser.add_argument("--think", type=float, default=0.0, help="Seconds a user rests after an answer.")
    parser.add_argument("--answer-timeout", type=float, default=60.0, help="Seconds to wait for an answer.")
    parser.add_argument("--seed", type=int, default=1, help="Of the drawing and of the order of images.")
    parser.add_argument("--shots-file", default="", include_in_web_ui=False, help="Write every request to this file.")


def images_of(options: Namespace) -> tuple[SentImage, ...]:
    """What users send.

    Raises:
        LoadTestError: no image, or one that cannot be drawn or read.
    """
    if options.images:
        return load_images([options.images])
    return drawn_images([DrawingSpec.parse(text) for text in options.draw.split()], options.seed)


def send_settings_of(options: Namespace, host: str) -> SendSettings:
    """How a user sends to `host`.

    Raises:
        SettingError: an option is unknown or out of range.
        ConfigurationError: the host is no url of a server.
    """
    pairs = [text.partition("=")[::2] for text in options.params.split()]
    try:
        parameters = parse_options(dict(pairs))
    except OptionError as error:
        raise SettingError(str(error)) from error
    return SendSettings(Address.parse(host), options.ocr_model, parameters, {}, options.answer_timeout)


# Before any channel is made: gRPC's own threads would otherwise block gevent's.
grpc.experimental.gevent.init_gevent()
events.init_command_line_parser.add_listener(add_options)


class _Reader(User):  # type: ignore[misc]  # locust is untyped
    """What both kinds of users do."""

    abstract = True
    request_type = ""

    def on_start(self) -> None:
        """Prepare the images; a mistake in the options ends the user, with a line in the log."""
        options = self.environment.parsed_options
        try:
            self._images: tuple[SentImage, ...] = images_of(options)
            self._settings: SendSettings = send_settings_of(options, self.host)
            self._random = Random(f"{options.seed}/{id(self)}")
            self._connect()
        except (LoadTestError, ConfigurationError, ServerUnavailableError) as error:
            logging.error("%s", error)
            raise StopUser from error

    def wait_time(self) -> float:
        """Seconds of rest between two images."""
        return float(self.environment.parsed_options.think)

    @task  # type: ignore[untyped-decorator]
    def read(self) -> None:
        """Send one image and tell locust how it went."""
        index = self._random.randrange(len(self._images))
        image = self._images[index]
        wall, begin = time.time(), time.perf_counter()
        reply = self._send(image)
        seconds = time.perf_counter() - begin
        self.environment.ocdrnet_shots.append((index, begin, begin + seconds, reply.status, reply.boxes))
        self.environment.events.request.fire(
            request_type=self.request_type,
            name=image.size_class,
            start_time=wall,
            response_time=seconds * 1e3,
            response_length=reply.boxes or 0,
            exception=None if reply.boxes is not None else RuntimeError(reply.status),
            context={},
        )

    def _connect(self) -> None:
        raise NotImplementedError

    def _send(self, image: SentImage) -> Reply:
        raise NotImplementedError


class GrpcUser(_Reader):
    """Reads over gRPC, on a connection of its own."""

    host = "grpc://127.0.0.1:8001"
    request_type = "gRPC"

    def on_stop(self) -> None:
        """Close the connection."""
        self._client.close()

    def _connect(self) -> None:
        address = self._settings.address
        target, options = round_robin_channel(address)
        # Or else all users of a process would share one connection, and a cluster would see one caller.
        arguments = [*options, ("grpc.use_local_subchannel_pool", 1)]
        self._client: Any = InferenceServerClient(target, ssl=address.is_secure, channel_args=arguments)
        self._inputs = {image.name: _input(image) for image in self._images}

    def _send(self, image: SentImage) -> Reply:
        settings = self._settings
        try:
            result = self._client.infer(
                settings.model,
                [self._inputs[image.name]],
                parameters=dict(settings.options),
                client_timeout=settings.timeout_s,
            )
        except InferenceServerException as error:
            status = str(error.status()).removeprefix("StatusCode.")
            return Reply(TIMED_OUT if status == "DEADLINE_EXCEEDED" else status)
        boxes = count_boxes(result.get_response())
        return Reply(NOT_OCR if boxes is None else "OK", boxes)


class HttpUser(_Reader):
    """Reads over HTTP, the image as the body, on a connection of its own."""

    host = "http://127.0.0.1:8000"
    request_type = "HTTP"

    def on_stop(self) -> None:
        """Close the connections."""
        for pool, _path, _headers in self._servers:
            pool.close()

    def _connect(self) -> None:
        address = self._settings.address
        # Looked up once: a user that meets a server which has gone counts failures, as such a caller would.
        self._servers = [self._server(each) for each in (look_up(address) if has_replicas(address) else address.each)]
        # From any of them on, or else all users would begin with the same.
        self._turn = self._random.randrange(len(self._servers))

    def _server(self, address: Address) -> tuple[urllib3.HTTPConnectionPool, str, Mapping[str, str]]:
        """Connections to one server, the path there, and the headers."""
        host, timeout = address.ip or address.host, self._settings.timeout_s
        pool = (
            urllib3.HTTPSConnectionPool(
                host, address.port, timeout=timeout, server_hostname=address.host, assert_hostname=address.host
            )
            if address.is_secure
            else urllib3.HTTPConnectionPool(host, address.port, timeout=timeout)
        )
        headers = {"host": address.authority, **triton_headers(self._settings)}
        return pool, address.path + triton_path(self._settings), headers

    def _send(self, image: SentImage) -> Reply:
        self._turn = (self._turn + 1) % len(self._servers)
        pool, path, headers = self._servers[self._turn]
        try:
            response = pool.request("POST", path, body=image.content, headers=headers, retries=False)
        except urllib3.exceptions.TimeoutError:
            return Reply(TIMED_OUT)
        except urllib3.exceptions.HTTPError:
            return Reply(NO_CONNECTION)
        if response.status != 200:
            return Reply(str(response.status))
        boxes = counted(count_triton_boxes, response.headers, response.data)
        return Reply(NOT_OCR if boxes is None else "200", boxes)


def _input(image: SentImage) -> Any:  # noqa: ANN401 (tritonclient is untyped)
    tensor = InferInput(INPUT, [len(image.content)], "UINT8")
    tensor.set_data_from_numpy(np.frombuffer(image.content, np.uint8))
    return tensor


@events.init.add_listener  # type: ignore[untyped-decorator]
def _begin(environment: Any, **_arguments: object) -> None:  # noqa: ANN401 (locust is untyped)
    environment.ocdrnet_shots = []
    if environment.host:
        # A url has one protocol; without one, both kinds of users run, each at its own default.
        is_http = environment.host.startswith("http")
        environment.user_classes = [kind for kind in environment.user_classes if _fits(kind, is_http)]


def _fits(kind: type, is_http: bool) -> bool:
    return not issubclass(kind, _Reader) or issubclass(kind, HttpUser) == is_http


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def _write_shots(environment: Any, **_arguments: object) -> None:  # noqa: ANN401 (locust is untyped)
    if path := environment.parsed_options.shots_file:
        unfinished = Path(f"{path}.part")
        unfinished.write_text(json.dumps(environment.ocdrnet_shots), encoding="utf-8")
        unfinished.replace(path)
