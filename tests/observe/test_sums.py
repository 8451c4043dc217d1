"""What is made of bpftrace's sums: latencies by route, stacks with names, and pictures of them."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from service_tasks.engine.observe.binary import Binary, Section
from service_tasks.engine.observe.flame_graph import flame_graph
from service_tasks.engine.observe.observation import Observed, write_pictures
from service_tasks.engine.observe.sums import Latency, latencies, maps, stacks
from service_tasks.engine.observe.threads import between

GET, POST = (int.from_bytes(word, "little") for word in (b"GET", b"POST"))
BINARY = Binary(b"", "amd64", Section(0x1000, 0, 0x300), 0, True, (0x1000, 0x1100, 0x1200), ("main", "serve", "work"))


def test_bpftraces_maps_become_latencies_by_route() -> None:
    lines = [
        {"type": "attached_probes", "data": {"probes": 6}},
        {"type": "map", "data": {"@name": {"99,5": "/a,/b"}}},
        {"type": "map", "data": {"@latency": {f"{GET},99,5,7": 3, f"{GET},99,5,12": 1, f"{POST},99,5,7": 2}}},
        {"type": "map", "data": {"@waiting": {f"{GET},99,5": 2_000_000_000}}},
    ]

    found = latencies(maps("\n".join(map(json.dumps, lines))))

    assert list(found) == [("GET", "/a,/b"), ("POST", "/a,/b")]
    assert found["GET", "/a,/b"].buckets == {(7e-6, 8e-6): 3, (8e-6, 10e-6): 1}
    assert found["GET", "/a,/b"].waiting == 2
    assert found["POST", "/a,/b"].requests == 2


def test_buckets_have_no_gap_and_are_no_wider_than_a_quarter() -> None:
    buckets = [exponent * 8 + mantissa for exponent in range(1, 20) for mantissa in range(4, 8)]
    found = latencies({"@latency": {f"{GET},1,1,{bucket}": 1 for bucket in buckets}})
    ends = sorted(found["GET", "(none)"].buckets)

    assert all(high == next_low for (_, high), (next_low, _) in pairwise(ends))
    assert all(high <= low * 1.25 + 1e-12 for low, high in ends)


def test_a_quantile_lies_where_its_share_of_the_requests_ends() -> None:
    latency = Latency(Counter({(0.001, 0.002): 90, (0.1, 0.2): 10}))

    assert latency.quantile(0.9) == pytest.approx(0.002)
    assert latency.quantile(0.95) == pytest.approx(0.15)
    assert Latency().quantile(0.5) == 0


def test_stacks_are_named_from_the_outermost_function_in_and_a_return_address_belongs_to_the_call() -> None:
    key = "\n    vfs_write+12\n    do_syscall_64+3\n,\n    0x5200\n    0x5200\n    0x5050\n    0x9999\n"

    assert stacks({key: 4}, BINARY, moved_by=0x4000) == {
        ("[unknown]", "main", "serve", "work", "[do_syscall_64]", "[vfs_write]"): 4
    }


def test_a_frame_is_as_wide_as_its_share_and_shows_it() -> None:
    picture = flame_graph({("main", "serve<T>"): 30, ("main", "work"): 10}, "orders & more", "samples")

    root = ElementTree.fromstring(picture)
    frames = {frame[0].text: float(frame[1].get("width", "")) for frame in root.iter("{http://www.w3.org/2000/svg}g")}
    assert frames["serve<T>: 30 samples, 75.0 %"] == pytest.approx(3 * frames["work: 10 samples, 25.0 %"], abs=0.2)
    assert frames["main: 40 samples, 100.0 %"] == pytest.approx(1180)


def test_nothing_to_show_is_a_picture_too() -> None:
    assert ElementTree.fromstring(flame_graph({}, "orders", "samples")) is not None


def test_threads_spend_the_rest_of_the_time_off_the_processor() -> None:
    spent = between({"1": (0, 0)}, {"1": (2 * 10**9, 10**9), "2": (10**9, 0)}, 5)

    assert spent is not None
    assert (spent.on_cpu, spent.run_queue, spent.off_cpu) == (3, 1, 6)
    assert between({}, {}, 5) is None


def test_pictures_belong_to_whom_the_checkout_belongs_to(tmp_path: Path) -> None:
    observed = Observed(1, 1.0, {}, Counter({("main",): 1}), Counter(), None, ())

    written = write_pictures(observed, tmp_path / "deep" / "folder", "orders", tmp_path)

    assert {name: Path(path).name for name, path in written.items()} == {
        "on_cpu": "on-cpu.svg",
        "off_cpu": "off-cpu.svg",
    }
    assert {Path(path).stat().st_uid for path in written.values()} == {tmp_path.stat().st_uid}
