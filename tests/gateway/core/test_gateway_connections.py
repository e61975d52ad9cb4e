"""Connections that are silent, slow or many; HEAD; and who may call from another page."""

import io
import json
import logging
import resource
import socket
import time

import pytest
from hosted_flow import is_problem, make_key

from ocdrnet_gateway.core import connections
from ocdrnet_gateway.core.connections import SPARE_FILES, OncePerSecond, file_limited
from ocdrnet_gateway.core.logs import JsonLines

REQUEST = b"GET /v1/health/live HTTP/1.1\r\nhost: x\r\n\r\n"


def connect(url):
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def rest(connection):
    """All that comes until the gateway closes."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def answered(connection):
    """One answer of the health route, the connection left open."""
    received = b""
    while b'"live"' not in received or not received.endswith(b"}"):
        piece = connection.recv(65536)
        assert piece, received
        received += piece
    return received


def open_connections(server):
    return server._server.server_state.connections


@pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\nhost: x\r\n"])
def test_a_connection_that_brings_no_whole_request_is_ended(start_gateway, sent):
    begin = time.monotonic()
    with connect(start_gateway(header_timeout_s=0.5).url) as connection:
        connection.sendall(sent)
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["detail"] == "the request did not arrive within 0.5 s"
    assert 0.4 < time.monotonic() - begin < 15


def test_a_silent_connection_is_closed_without_a_word(start_gateway):
    begin = time.monotonic()
    with connect(start_gateway(header_timeout_s=0.5).url) as connection:
        assert rest(connection) == b""
    assert 0.4 < time.monotonic() - begin < 15


def test_a_header_that_drips_is_ended_though_it_never_stalls(start_gateway):
    with connect(start_gateway(header_timeout_s=0.5).url) as connection:
        connection.settimeout(0.05)
        connection.sendall(b"GET / HTTP/1.1\r\n")
        begin, answer = time.monotonic(), b""
        while not answer and time.monotonic() - begin < 15:
            connection.sendall(b"x: y\r\n")
            try:
                answer = connection.recv(1000)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_second_request_has_the_same_time_for_its_header(start_gateway):
    with connect(start_gateway(header_timeout_s=0.7).url) as connection:
        connection.sendall(REQUEST)
        answered(connection)
        # Idle between two requests is another limit.
        time.sleep(1.0)
        connection.sendall(REQUEST)
        answered(connection)
        connection.sendall(b"GET / HT")
        assert rest(connection).startswith(b"HTTP/1.1 408 ")


def test_a_connection_kept_for_a_next_request_is_closed_in_time(start_gateway):
    with connect(start_gateway(idle_timeout_s=1).url) as connection:
        connection.sendall(REQUEST)
        answered(connection)
        assert rest(connection) == b""


def test_a_slow_reading_is_no_idle_connection(start_gateway, http, picture, reader):
    reader.seconds = 1.0
    url = start_gateway(header_timeout_s=0.3, idle_timeout_s=0.3).url
    assert http.post(f"{url}/v1/read", content=picture).status_code == 200


def test_the_idlest_gives_way_and_health_answers(start_gateway, http, until):
    server = start_gateway(max_connections=8, header_timeout_s=60)
    idle = [connect(server.url) for _ in range(30)]
    try:
        assert http.get(f"{server.url}/v1/health/live").status_code == 200
        assert len(open_connections(server)) <= 8
        # Those that came first were closed.
        assert rest(idle[0]) == b""
    finally:
        for connection in idle:
            connection.close()


def test_one_that_has_served_outlives_those_that_never_asked(start_gateway):
    server = start_gateway(max_connections=8, header_timeout_s=60)
    with connect(server.url) as known:
        known.sendall(REQUEST)
        answered(known)
        idle = [connect(server.url) for _ in range(30)]
        known.sendall(REQUEST)
        assert b" 200 " in answered(known)
        for connection in idle:
            connection.close()


def test_where_all_are_at_work_a_new_one_is_refused_at_once(start_gateway, picture, reader, until, http):
    server = start_gateway(max_connections=8)
    reader.seconds = 30
    head = b"POST /v1/read HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(picture)
    at_work = [connect(server.url) for _ in range(8)]
    for connection in at_work:
        connection.sendall(head + picture)
    until(lambda: reader.running == 8)
    with connect(server.url) as late:
        answer = rest(late)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"application/problem+json" in answer
    assert reader.running == 8
    for connection in at_work:
        connection.close()
    until(lambda: not open_connections(server))
    assert http.get(f"{server.url}/v1/health/live").status_code == 200


def test_a_caller_that_takes_nothing_of_its_answer_is_let_go(start_gateway, until, http, monkeypatch):
    server = start_gateway(stall_timeout_s=0.3)
    assets = server._server.config.app.state.page_assets
    asset = assets["index.html"]
    monkeypatch.setitem(assets, "index.html", type(asset)(b"x" * 50_000_000, "text/plain", '"e"'))
    with connect(server.url) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        until(lambda: open_connections(server))
        until(lambda: not open_connections(server))
    # One that reads slowly, but reads, gets all of it.
    with connect(server.url) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        got = 0
        while piece := connection.recv(4_000_000):
            got += len(piece)
            time.sleep(0.02)
    assert got > 50_000_000


def test_what_is_no_http_is_a_problem(gateway):
    with connect(gateway) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


def test_too_long_a_header_is_refused(gateway):
    with connect(gateway) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 40_000)
        assert rest(connection).startswith(b"HTTP/1.1 400 ")


def test_no_websocket_is_opened(gateway):
    with connect(gateway) as connection:
        connection.sendall(
            b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 404 ")


class TestFiles:
    @pytest.fixture
    def limits(self, monkeypatch):
        """Stands in for those of the process; what was set."""
        state = {"now": (1024, 4096)}
        monkeypatch.setattr(resource, "getrlimit", lambda _: state["now"])
        monkeypatch.setattr(resource, "setrlimit", lambda _, both: state.update(now=both))
        return state

    def test_the_soft_limit_is_raised_as_far_as_needed(self, limits):
        assert file_limited(1000) == 1000
        assert limits["now"] == (1000 + SPARE_FILES, 4096)

    def test_beyond_the_hard_limit_there_are_fewer_connections(self, limits):
        limits["now"] = (256, 1024)
        assert file_limited(1000) == 1024 - SPARE_FILES

    def test_a_limit_that_cannot_be_raised_is_kept(self, limits, monkeypatch):
        def refuse(*_):
            raise ValueError("not allowed")

        monkeypatch.setattr(resource, "setrlimit", refuse)
        assert file_limited(1000) == 1024 - SPARE_FILES

    def test_without_limits_all_are_allowed(self, limits):
        limits["now"] = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        assert file_limited(70_000) == 70_000
        assert limits["now"] == (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


class TestLog:
    def test_a_flood_is_one_line_a_second_with_its_count(self):
        now, stream = [0.0], io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(JsonLines())
        handler.addFilter(OncePerSecond(lambda: now[0]))
        logger = logging.Logger("asyncio")
        logger.addHandler(handler)
        for index in range(300):
            now[0] = index / 100
            try:
                raise OSError(24, "Too many open files")
            except OSError:
                logger.exception("socket.accept() out of system resource")
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
        assert len(lines) == 3
        assert [line.get("left_out") for line in lines] == [None, 99, 99]
        assert {line["error"] for line in lines} == {"OSError"}

    def test_other_messages_and_mere_news_are_not_held_back(self):
        once = OncePerSecond(lambda: 5.0)

        def passes(message, level=logging.WARNING):
            return once.filter(logging.LogRecord("uvicorn", level, "f", 1, message, (), None))

        assert [passes("a"), passes("b"), passes("a"), passes("b")] == [True, True, False, False]
        assert [passes("c", logging.INFO) for _ in range(3)] == [True] * 3

    def test_errors_of_the_event_loop_are_lines_of_the_log(self, start_gateway, caplog, until):
        server = start_gateway()
        loop = next(iter(self.loops(server)))
        context = {"message": "socket.accept() out of system resource", "exception": OSError(24, "x")}
        loop.call_soon_threadsafe(loop.call_exception_handler, context)
        until(lambda: [record for record in caplog.records if record.name == connections.__name__])

    def loops(self, server):
        return [one.get_loop() for one in server._server.servers]


class TestHead:
    @pytest.mark.parametrize(
        "path", ["/", "/page/main.js", "/v1/health/live", "/v1/health/ready", "/v1/models", "/openapi.json"]
    )
    def test_it_is_the_answer_to_get_without_its_body(self, gateway, http, path):
        full, head = http.get(gateway + path), http.head(gateway + path)
        assert (head.status_code, head.content) == (full.status_code, b"")
        for name in ("content-type", "content-length"):
            assert head.headers[name] == full.headers[name]

    def test_what_is_not_there_is_not_there(self, gateway, http):
        assert http.head(f"{gateway}/nowhere").status_code == 404
        assert http.head(f"{gateway}/v1/read").status_code == 405
        assert http.head(f"{gateway}/v2/nvcf/assets").status_code == 405

    def test_it_is_counted_by_its_route(self, gateway, http):
        http.head(f"{gateway}/v1/health/live")
        line = 'ocdrnet_gateway_requests_total{method="HEAD",route="/v1/health/live",status="200"} 1.0'
        assert line in http.get(f"{gateway}/v1/metrics").text.splitlines()


ASK = {"origin": "https://app.example", "access-control-request-method": "POST"}


class TestOtherPages:
    def test_by_default_no_other_page_may_call(self, gateway, http, picture):
        assert http.options(f"{gateway}/v1/read", headers=ASK).status_code == 405
        answer = http.post(f"{gateway}/v1/read", content=picture, headers={"origin": "https://app.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]

    def test_those_that_are_named_may(self, start_gateway, http, picture, tmp_path):
        path = tmp_path / "keys.json"
        key = make_key(path, "ann")
        url = start_gateway(cors_origins="https://app.example/, https://b.example", keys_file=path).url
        asked = http.options(
            f"{url}/v1/read", headers={**ASK, "access-control-request-headers": "authorization,content-type"}
        )
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == "https://app.example"
        assert "authorization" in asked.headers["access-control-allow-headers"]
        for origin, allowed in (("https://b.example", "https://b.example"), ("https://evil.example", None)):
            headers = {"origin": origin, "authorization": f"Bearer {key}"}
            answer = http.post(f"{url}/v1/read", content=picture, headers=headers)
            assert answer.headers.get("access-control-allow-origin") == allowed
        refused = http.post(f"{url}/v1/read", content=picture, headers={"origin": "https://b.example"})
        assert is_problem(refused, 401)
        assert refused.headers["access-control-allow-origin"] == "https://b.example"
        assert "access-control-allow-credentials" not in refused.headers
