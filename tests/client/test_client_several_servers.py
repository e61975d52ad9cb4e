"""A list of servers: whose turn it is, who is left out, and what becomes of a request whose server is away."""

import asyncio
import socket
import threading
import time

import pytest
from client_answers import EMPTY, tensors_of
from client_model import Refused
from client_servers import Server

from ocdrnet_client import (
    AsyncClient,
    Client,
    ClientClosedError,
    RequestTimeoutError,
    Retry,
    ServerUnavailableError,
    Timeout,
)
from ocdrnet_client.address import Address
from ocdrnet_client.errors import ConfigurationError
from ocdrnet_client.replicas import MOST_TRIED, Rota, has_replicas, look_up
from ocdrnet_client.transports.grpc import channel_arguments, channel_target, round_robin_channel
from ocdrnet_client.transports.replicated_aio import AsyncReplicas

ONCE = Retry(attempts=1)


@pytest.fixture
def servers(protocol):
    servers = [Server(protocol) for _ in range(3)]
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture
def server(servers):
    """`connect` makes clients of this one where it is not told otherwise."""
    return servers[0]


def url_of(servers):
    return f"{servers[0].protocol}://" + ",".join(server.url.partition("://")[2] for server in servers)


def counts(servers):
    return [len(server.model.requests) for server in servers]


def asked(servers):
    """All have said whether they are ready."""
    end = time.monotonic() + 5
    while not all(server.model.questions for server in servers):
        assert time.monotonic() < end
        time.sleep(0.01)
    # The answers are on their way.
    time.sleep(0.1)


def test_each_gets_its_turn(connect, servers):
    client = connect(url_of(servers))
    client.read(b"first")
    asked(servers)
    begin = counts(servers)
    for _ in range(30):
        assert client.read(b"picture") == EMPTY
    assert [now - then for now, then in zip(counts(servers), begin, strict=True)] == [10, 10, 10]


def test_a_server_that_is_not_ready_gets_nothing_until_it_is(connect, servers):
    servers[1].model.ready = False
    client = connect(url_of(servers))
    client.read(b"first")
    asked(servers)
    for _ in range(20):
        client.read(b"picture")
    assert counts(servers)[1] == 0
    assert min(counts(servers)[::2]) >= 9
    servers[1].model.ready = True
    end = time.monotonic() + 5
    while not counts(servers)[1]:
        client.read(b"picture")
        assert time.monotonic() < end


def test_a_server_that_does_not_say_is_used(connect, servers):
    """Triton can keep its health from who may read (`--grpc-restricted-protocol=health`)."""
    for server in servers:
        server.model.ready = Refused(server.status("forbidden"), "no key")
    client = connect(url_of(servers))
    for _ in range(10):
        client.read(b"picture")
    asked(servers)
    for _ in range(9):
        client.read(b"picture")
    assert min(counts(servers)) >= 3


def test_where_none_is_ready_one_is_asked_all_the_same(connect, servers):
    """Its own words say what is wrong."""
    for server in servers:
        server.model.ready = False
        server.model.fail_first(99, server.status("unavailable"), "still loading")
    client = connect(url_of(servers), retry=ONCE)
    with pytest.raises(ServerUnavailableError, match="still loading"):
        client.read(b"picture")
    assert not client.is_ready()
    assert sum(counts(servers)) == 1


def test_a_request_that_is_refused_for_now_goes_to_the_next_without_a_retry(connect, servers):
    for server in servers[:2]:
        server.model.fail_first(99, server.status("unavailable"), "queue is full")
    client = connect(url_of(servers), retry=ONCE)
    client.read(b"first")
    asked(servers)
    for _ in range(12):
        assert client.read(b"picture") == EMPTY
    assert counts(servers)[2] == 13


def test_no_more_than_some_are_tried(connect, protocol):
    servers = [Server(protocol) for _ in range(MOST_TRIED + 2)]
    try:
        for server in servers:
            server.model.fail_first(99, server.status("unavailable"), "queue is full")
        client = connect(url_of(servers), retry=ONCE)
        assert client.is_ready()
        asked(servers)
        with pytest.raises(ServerUnavailableError, match="queue is full"):
            client.read(b"picture")
        assert sorted(counts(servers)) == [0, 0, *[1] * MOST_TRIED]
    finally:
        for server in servers:
            server.stop()


@pytest.mark.parametrize("cause", ["invalid", "internal", "missing", "forbidden", "late"])
def test_no_other_error_is_tried_elsewhere(connect, servers, cause):
    """An image that ends a server must not be carried to all."""
    for server in servers:
        server.model.fail_first(99, server.status(cause))
    client = connect(url_of(servers))
    with pytest.raises(Exception, match=r"queue is full"):
        client.read(b"picture")
    assert sum(counts(servers)) == 1


@pytest.mark.parametrize("protocol", ["grpc"], indirect=True)
def test_a_server_that_ends_hands_its_requests_on(connect, servers):
    """It cancels them, which is not the client's own end."""
    for server in servers:
        server.model.respond = server.model.stall
    client = connect(url_of(servers), retry=ONCE, timeout=20)

    def end_it():
        while not any(server.model.running for server in servers):
            time.sleep(0.01)
        asked(servers)
        busy = next(server for server in servers if server.model.running)
        for server in servers:
            if server is not busy:
                server.model.respond = lambda _: tensors_of(EMPTY)
        busy.stop()

    ending = threading.Thread(target=end_it)
    ending.start()
    assert client.read(b"picture") == EMPTY
    ending.join()


def test_servers_that_are_not_there_are_passed_over(connect, servers, unused_port):
    url = f"{servers[0].protocol}://127.0.0.1:{unused_port}," + url_of(servers).partition("://")[2]
    client = connect(url, retry=ONCE)
    assert client.is_ready()
    # On a busy machine one of them may join late.
    for _ in range(30):
        assert client.read(b"picture") == EMPTY
    assert min(counts(servers)) >= 3


def test_none_there_is_unavailable_in_time(connect, servers, unused_port):
    client = connect(f"{servers[0].protocol}://127.0.0.1:{unused_port},127.0.0.2:{unused_port}", retry=ONCE)
    started = time.monotonic()
    with pytest.raises(ServerUnavailableError):
        client.read(b"picture")
    assert not client.is_ready()
    assert time.monotonic() - started < 10


def test_a_name_that_leads_nowhere_is_unavailable(connect, protocol):
    client = connect(f"{protocol}://no-such-host.invalid", retry=ONCE)
    with pytest.raises(ServerUnavailableError, match=r"the name cannot be looked up \(no-such-host.invalid: .+\)"):
        client.read(b"picture")
    assert not client.is_ready()


def test_waiting_for_the_first_answer_ends_at_the_timeout(connect, servers):
    for server in servers:
        server.model.is_ready = server.model.stall
    client = connect(url_of(servers), timeout=Timeout(request=0.3))
    with pytest.raises(RequestTimeoutError, match="was found ready in time"):
        client.read(b"picture")
    assert sum(counts(servers)) == 0


def test_closing_ends_a_wait_for_the_first_answer(connect, servers):
    for server in servers:
        server.model.is_ready = server.model.stall
    client = connect(url_of(servers), timeout=20)
    started = time.monotonic()
    with pytest.raises(ClientClosedError):
        client.read_and_close(b"picture", lambda: time.monotonic() - started > 0.3)
    assert time.monotonic() - started < 3


def test_closing_breaks_off_a_request_and_leaves_no_thread(connect, servers):
    for server in servers:
        server.model.respond = server.model.stall
    client = connect(url_of(servers), timeout=20)
    with pytest.raises(ClientClosedError):
        client.read_and_close(b"picture", lambda: any(server.model.running for server in servers))
    names = [thread for thread in threading.enumerate() if thread.name.startswith("ocdrnet")]
    for thread in names:
        thread.join(20)
    assert not any(thread.is_alive() for thread in names)


@pytest.fixture
def _soon_idle(monkeypatch):
    for module in ("replicated_aio", "replicated_sync"):
        monkeypatch.setattr(f"ocdrnet_client.transports.{module}.IDLE_S", 0.0)
        monkeypatch.setattr(f"ocdrnet_client.transports.{module}.LOOK_UP_S", 0.1)


def questions(servers):
    return [len(server.model.questions) for server in servers]


def keeps_still(servers):
    """Nobody has been asked for a second, which is twice the usual pause."""
    before = questions(servers)
    time.sleep(1)
    return questions(servers) == before


@pytest.mark.usefixtures("_soon_idle")
def test_an_idle_client_asks_nothing_and_then_begins_anew(servers):
    with Client(url_of(servers)) as client:
        client.read(b"picture")
        end = time.monotonic() + 10
        while not keeps_still(servers):
            assert time.monotonic() < end
        # Those that are not ready any more are not even tried.
        servers[0].model.ready = servers[1].model.ready = False
        before = counts(servers)
        client.read(b"picture")
        assert counts(servers) == [*before[:2], before[2] + 1]


@pytest.mark.usefixtures("_soon_idle")
def test_an_idle_asynchronous_client_does_so_too(servers):
    async def run():
        async with AsyncClient(url_of(servers)) as client:
            await client.read(b"picture")
            end = time.monotonic() + 10
            while not await asyncio.to_thread(keeps_still, servers):
                assert time.monotonic() < end
            servers[0].model.ready = servers[1].model.ready = False
            before = counts(servers)
            await client.read(b"picture")
            assert counts(servers) == [*before[:2], before[2] + 1]

    asyncio.run(run())


def test_closing_ends_what_loses_its_cancellation():
    class Deaf:
        """As grpc does where an answer comes at the moment of the cancellation."""

        async def is_model_ready(self, model, timeout):
            try:
                await asyncio.sleep(timeout)
            except asyncio.CancelledError:
                return True

        async def close(self):
            pass

    async def run():
        servers = AsyncReplicas(Address.parse("grpc://127.0.0.1:1,127.0.0.1:2"), "model", lambda _: Deaf())
        with pytest.raises(RequestTimeoutError):
            await servers.take(0.2)
        await asyncio.wait_for(servers.close(), 5)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def address(ip):
    return Address("grpc", "name", 8001, ip=ip)


def test_a_new_server_gets_the_next_request_and_a_removed_one_none():
    rota = Rota()
    for replica in rota.update([address("a"), address("b")], str):
        replica.ready = True
    taken = [rota.take().address.ip for _ in range(4)]
    assert taken == ["a", "b", "a", "b"]
    (new,) = rota.update([address("b"), address("c")], str)
    assert rota.take().address.ip == "b"  # the new one has not said that it is ready
    new.ready = True
    assert [rota.take().address.ip for _ in range(3)] == ["c", "b", "c"]
    gone = rota.replicas[0]
    assert (gone.is_listed, gone.is_over) == (False, False)
    for _ in range(2):
        rota.give_back(gone, failed=False)
    assert gone.is_over


def test_a_name_that_leads_back_to_a_server_takes_it_up_again():
    rota = Rota()
    rota.update([address("a")], str)
    rota.update([address("b")], str)
    assert rota.update([address("a")], str) == []
    assert [replica.is_listed for replica in rota.replicas] == [True, False]


def test_all_addresses_of_a_name_are_found(monkeypatch):
    def answers(host, port, **_):
        known = {"many": ["10.0.0.1", "10.0.0.2", "10.0.0.1", "fd00::1"], "10.9.9.9": ["10.9.9.9"]}
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(0, 0, 0, "", (ip, port)) for ip in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    found = look_up(Address.parse("grpc://many,gone:9,10.9.9.9:7"))
    assert [(each.ip, each.host, each.port) for each in found] == [
        ("10.0.0.1", "many", 8001),
        ("10.0.0.2", "many", 8001),
        ("fd00::1", "many", 8001),
        ("10.9.9.9", "10.9.9.9", 7),
    ]
    assert [channel_target(each) for each in found[1:3]] == ["ipv4:10.0.0.2:8001", "ipv6:[fd00::1]:8001"]
    assert str(found[0]) == "grpc://many:8001 (10.0.0.1)"
    target, arguments = round_robin_channel(Address.parse("grpc://many,10.9.9.9:7"))
    assert target == "ipv4:10.0.0.1:8001,10.0.0.2:8001,10.9.9.9:7"
    assert "round_robin" in dict(arguments)["grpc.service_config"]
    with pytest.raises(ServerUnavailableError, match="gone: Name or service not known"):
        look_up(Address.parse("grpc://gone"))


def test_a_server_keeps_its_name_for_proxies_and_certificates():
    arguments = dict(channel_arguments(Address("grpcs", "name", 443, ip="10.0.0.1")))
    assert arguments["grpc.default_authority"] == "name:443"
    assert arguments["grpc.ssl_target_name_override"] == "name"


def test_pings_stay_within_what_a_triton_allows():
    """More than two within 300 s, with nothing between them, and it ends the connection."""
    for server in (Address.parse("grpc://10.0.0.1"), address("10.0.0.1")):
        assert dict(channel_arguments(server))["grpc.keepalive_time_ms"] > 300_000


@pytest.mark.parametrize(
    ("url", "many"),
    [
        ("grpc://10.0.0.1", False),
        ("grpc://[::1]", False),
        ("grpc://name", True),
        ("http://localhost", True),
        ("grpc://10.0.0.1,10.0.0.2", True),
    ],
)
def test_which_addresses_may_be_several(monkeypatch, url, many):
    for kind in ("grpc", "http", "https", "all"):
        monkeypatch.delenv(f"{kind}_proxy", raising=False)
        monkeypatch.delenv(f"{kind.upper()}_PROXY", raising=False)
    assert has_replicas(Address.parse(url)) == many


def test_a_proxy_looks_names_up_itself(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", ".svc")
    assert not has_replicas(Address.parse("grpc://name.example.org"))
    assert not has_replicas(Address.parse("http://name.example.org"))
    assert has_replicas(Address.parse("grpc://triton.ocr.svc"))
    assert has_replicas(Address.parse("grpc://localhost"))


@pytest.mark.parametrize(
    ("url", "targets"),
    [
        ("grpc://a,b:9", ["a:8001", "b:9"]),
        ("a:1,[::1]:2", ["a:1", "[::1]:2"]),
        ("https://a,b/ocr/", ["a:443/ocr", "b:443/ocr"]),
    ],
)
def test_a_list_is_read(url, targets):
    listed = Address.parse(url)
    assert [each.target for each in listed.each] == targets
    assert not any(each.more for each in listed.each)
    assert Address.parse(listed.url) == listed


@pytest.mark.parametrize("url", ["grpc://a,", "grpc://,b", "grpc://a,b:0", "grpc://a,http://b", "grpc://a,b/c"])
def test_a_list_that_cannot_be_used_is_refused(url):
    with pytest.raises(ConfigurationError) as raised:
        Address.parse(url)
    assert repr(url) in str(raised.value)


def test_a_list_is_this_machines_if_all_of_it_is():
    assert Address.parse("grpc://127.0.0.1,localhost").is_loopback
    assert not Address.parse("grpc://127.0.0.1,10.0.0.1").is_loopback
