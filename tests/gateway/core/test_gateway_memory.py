"""The memory that callers may take together: counted, bounded, given back."""

import asyncio
import io
import json
import socket

import pytest
from gateway_nim import nim_body
from gateway_reader import PAGE
from hosted_flow import ask, fetched, inline, is_problem, make_key, poll, uploaded
from PIL import Image

from ocdrnet_client import Page
from ocdrnet_deploy.machine.cores import container_limit
from ocdrnet_gateway.api.hosted.rendering import drawing_bytes
from ocdrnet_gateway.core.memory import MemoryBudget, default_budget
from ocdrnet_gateway.core.reading import ImageSize, check_image
from ocdrnet_gateway.http_errors import DeadlineError, OverloadedError, TooLargeError

MIB = 1024 * 1024
FAST = {"NVCF-POLL-SECONDS": "1"}


def memory_of(server):
    return server._server.config.app.state.services.memory


class TestBudget:
    def test_bodies_take_half_and_give_it_back(self):
        budget = MemoryBudget(1000)
        first, second = budget.hold(), budget.hold()
        first.resize(300)
        second.resize(200)
        with pytest.raises(OverloadedError):
            first.resize(301)
        assert budget.held == 500
        first.release()
        second.resize(500)
        second.release()
        assert budget.held == 0

    def test_what_never_fits_is_told_so(self):
        with pytest.raises(TooLargeError, match=r"501 bytes.*500"):
            MemoryBudget(1000).hold().resize(501)
        with pytest.raises(TooLargeError, match=r"851 bytes.*850"):
            MemoryBudget(1000).check_drawing(851)

    def test_the_last_user_gives_it_back(self):
        budget = MemoryBudget(1000)
        hold = budget.hold()
        hold.resize(100)
        hold.retain()
        hold.release()
        assert budget.held == 100
        hold.release()
        assert budget.held == 0

    def test_drawings_wait_for_each_other_in_their_order(self):
        async def run():
            budget, order = MemoryBudget(1000), []

            async def draw(name, size):
                await budget.wait_for_drawing(size, 5)
                order.append(name)
                await asyncio.sleep(0.01)
                assert budget.held <= 850
                budget.end_drawing(size)

            # The small last one would fit beside the first, and must not overtake the second for ever.
            await asyncio.gather(draw("a", 500), draw("b", 700), draw("c", 100))
            assert order == ["a", "b", "c"]
            assert budget.held == 0

        asyncio.run(run())

    def test_a_drawing_that_waits_leaves_a_part_to_bodies(self):
        async def run():
            budget = MemoryBudget(1000)
            await budget.wait_for_drawing(700, 5)
            waiting = asyncio.create_task(budget.wait_for_drawing(700, 5))
            await asyncio.sleep(0)
            hold = budget.hold()
            hold.resize(150)
            with pytest.raises(OverloadedError):
                hold.resize(151)
            budget.end_drawing(700)
            await waiting
            assert budget.held == 850

        asyncio.run(run())

    def test_bodies_that_leave_let_a_drawing_in(self):
        async def run():
            budget = MemoryBudget(1000)
            hold = budget.hold()
            hold.resize(400)
            waiting = asyncio.create_task(budget.wait_for_drawing(700, 5))
            await asyncio.sleep(0.01)
            assert not waiting.done()
            hold.resize(300)
            await waiting

        asyncio.run(run())

    @pytest.mark.parametrize("cancelled", [False, True])
    def test_who_gives_up_takes_nothing_and_lets_the_next_one_in(self, cancelled):
        async def run():
            budget = MemoryBudget(1000)
            await budget.wait_for_drawing(500, 5)
            waiting = asyncio.create_task(budget.wait_for_drawing(600, 5 if cancelled else 0.02))
            await asyncio.sleep(0)
            behind = asyncio.create_task(budget.wait_for_drawing(300, 5))
            if cancelled:
                await asyncio.sleep(0.01)
                waiting.cancel()
            with pytest.raises(asyncio.CancelledError if cancelled else DeadlineError):
                await waiting
            await behind
            assert budget.held == 800

        asyncio.run(run())


class TestLimit:
    def group(self, tmp_path, own, **limits):
        """A tree of control groups; `limits` by folder with __ for a slash."""
        for name, value in limits.items():
            path = tmp_path / "fs" / name.replace("__", "/").strip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(path.name.replace("MAX", "memory.max").replace("V1", "memory.limit_in_bytes")).write_text(
                value
            )
        (tmp_path / "own").write_text(own)
        return container_limit(tmp_path / "fs", tmp_path / "own")

    def test_version_2_by_its_smallest_limit_above(self, tmp_path):
        limits = {"MAX": "max\n", "pods__MAX": f"{512 * MIB}\n", "pods__one__MAX": f"{2048 * MIB}\n"}
        assert self.group(tmp_path, "0::/pods/one\n", **limits) == 512 * MIB

    def test_version_2_inside_a_container(self, tmp_path):
        assert self.group(tmp_path, "0::/kubepods/of/the/host\n", MAX=f"{256 * MIB}\n") == 256 * MIB

    def test_version_1_inside_a_container(self, tmp_path):
        own = "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/\n"
        assert self.group(tmp_path, own, memory__V1=f"{256 * MIB}\n") == 256 * MIB

    def test_no_limit(self, tmp_path):
        assert self.group(tmp_path, "4:memory:/\n0::/\n", MAX="max\n", memory__V1="9223372036854771712\n") is None

    def test_a_machine_without_control_groups(self, tmp_path):
        assert container_limit(tmp_path, tmp_path / "none") is None

    def test_the_budget_is_below_the_limit(self):
        assert default_budget(2048 * MIB) == 1728 * MIB
        assert default_budget(256 * MIB) == 64 * MIB
        assert default_budget(1 << 60) == default_budget(1 << 61)

    def test_in_the_charts_2_gib_the_largest_plain_image_can_be_drawn(self):
        size = ImageSize(10_000, 10_000, 15 * 10**8)
        for labels in (False, True):
            needed = drawing_bytes(size, Page(10_000, 10_000), labels)
            MemoryBudget(default_budget(2048 * MIB)).check_drawing(needed)


class TestGateway:
    HEAD = b"POST /v1/read HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\n%s\r\n"

    def address(self, url):
        host, port = url.removeprefix("http://").split(":")
        return host, int(port)

    def test_unfinished_uploads_are_counted_by_what_has_come(self, start_gateway, http, until, picture):
        server = start_gateway(memory_bytes=4 * MIB)
        memory = memory_of(server)
        with (
            socket.create_connection(self.address(server.url)) as one,
            socket.create_connection(self.address(server.url)) as two,
        ):
            for connection in (one, two):
                connection.sendall(self.HEAD % b"" + b"x" * 300_000)
            until(lambda: memory.held == 2 * 3 * 300_000)
            # 2 MiB is the bodies' part; a small image still fits, a larger one does not.
            assert http.post(f"{server.url}/v1/read", content=picture).status_code == 200
            assert is_problem(http.post(f"{server.url}/v1/read", content=b"x" * 200_000), 429, "memory")
            assert http.get(f"{server.url}/v1/health/live").status_code == 200
        until(lambda: memory.held == 0)

    def test_a_body_that_never_fits_is_413(self, start_gateway, http):
        url = start_gateway(memory_bytes=1 * MIB).url
        assert is_problem(http.post(f"{url}/v1/read", content=b"x" * 200_000), 413, "send a smaller one")

    def test_who_has_no_key_takes_none(self, start_gateway, tmp_path, until):
        path = tmp_path / "keys.json"
        make_key(path, "ann")
        server = start_gateway(keys_file=path, max_uploads=1)
        memory = memory_of(server)
        connections = [socket.create_connection(self.address(server.url), timeout=10) for _ in range(3)]
        for connection in connections:
            connection.sendall(self.HEAD % b"" + b"x" * 300_000)
        for connection in connections:
            assert connection.recv(20).startswith(b"HTTP/1.1 401 ")
            assert memory.held == 0
            connection.close()

    @pytest.mark.parametrize("path", ["/v1/infer", "/v1/ocr", "/v1/cv/nvidia/ocdrnet", "/v2/nvcf/assets"])
    def test_no_stranger_has_json_parsed(self, start_gateway, http, tmp_path, path, monkeypatch):
        make_key(tmp_path / "keys.json", "ann")
        url = start_gateway(keys_file=tmp_path / "keys.json").url
        parsed = []
        monkeypatch.setattr("ocdrnet_gateway.core.json_body.parse_json", lambda *given: parsed.append(given))
        monkeypatch.setattr(json, "loads", lambda *given: parsed.append(given))
        body = b"[" * 1_000_000 + b"]" * 1_000_000
        answer = http.post(url + path, content=body, headers={"content-type": "application/json"})
        monkeypatch.undo()
        assert is_problem(answer, 401)
        assert parsed == []

    def test_everything_is_given_back_whatever_the_answer(self, start_gateway, http, picture, reader, until):
        server = start_gateway()
        for path, content in (
            ("/v1/read", picture),
            ("/v1/read", b"no picture"),
            ("/v1/infer", json.dumps(nim_body(picture)).encode()),
            ("/v1/infer", b"{"),
            ("/nowhere", b"x" * 1000),
            ("/v1/cv/nvidia/ocdrnet", json.dumps({"image": inline(picture)}).encode()),
        ):
            http.post(server.url + path, content=content)
        until(lambda: memory_of(server).held == 0)  # a request's end follows its answer

    def test_a_job_holds_its_image_beyond_its_request(self, start_gateway, http, picture, reader, until):
        server = start_gateway()
        reader.seconds = 2.5
        request_id = ask(http, server.url, inline(picture), headers=FAST).headers["nvcf-reqid"]
        assert memory_of(server).held == 2 * len(picture)
        assert fetched(http, poll(http, server.url, request_id)).metadata
        until(lambda: memory_of(server).held == 0)

    def test_large_drawings_go_one_after_the_other(self, start_gateway, picture, http, reader, monkeypatch):
        size = drawing_bytes(check_image(picture, 10_000), PAGE, False)
        server = start_gateway(memory_bytes=int(size * 1.9))
        memory, most = memory_of(server), []
        kept = memory.wait_for_drawing

        async def wait(*arguments):
            await kept(*arguments)
            most.append(memory._drawings)
            await asyncio.sleep(0.05)

        monkeypatch.setattr(memory, "wait_for_drawing", wait)

        async def both():
            answers = [asyncio.to_thread(ask, http, server.url, inline(picture)) for _ in range(3)]
            return await asyncio.gather(*answers)

        assert [answer.status_code for answer in asyncio.run(both())] == [302] * 3
        assert most == [size] * 3
        assert memory.held == 0

    def test_what_could_never_be_drawn_is_refused_before_it_is_read(self, start_gateway, http, reader):
        url = start_gateway(memory_bytes=20 * MIB).url
        buffer = io.BytesIO()
        Image.new("L", (2400, 2400), "white").save(buffer, format="PNG")
        answer = ask(http, url, inline(buffer.getvalue()))
        assert is_problem(answer, 413, "POST /v1/read")
        assert reader.calls == []
        assert http.post(f"{url}/v1/read", content=buffer.getvalue()).status_code == 200

    def test_an_asset_counts_when_it_is_read(self, start_gateway, http, picture, reader, until):
        server = start_gateway()
        asset = uploaded(http, server.url, picture)
        reader.seconds = 1.5
        assert ask(http, server.url, asset, headers=FAST).status_code == 202
        assert memory_of(server).held == 2 * len(picture)
        until(lambda: memory_of(server).held == 0)

    def test_a_result_counts_until_its_caller_has_it(self, start_gateway, http, picture, until, monkeypatch):
        server = start_gateway(stall_timeout_s=60)
        location = ask(http, server.url, inline(picture)).headers["location"]
        store = server._server.config.app.state.services.store

        async def large(place):
            return b"x" * 20_000_000

        monkeypatch.setattr(store, "get", large)
        with socket.create_connection(self.address(server.url)) as slow:
            slow.sendall(f"GET {location.removeprefix(server.url)} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            until(lambda: memory_of(server).held == 20_000_000)
        until(lambda: memory_of(server).held == 0)
        got = http.get(location)
        assert (got.status_code, len(got.content)) == (200, 20_000_000)
        until(lambda: memory_of(server).held == 0)

    def test_the_metrics_tell(self, gateway, http):
        assert "ocdrnet_gateway_held_bytes 0.0" in http.get(f"{gateway}/v1/metrics").text.splitlines()
