"""Routes with limits of their own, by the examples of docs/work.md, through the front door and across a deploy."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ..support.service import ROOT, Service, change, request

pytestmark = pytest.mark.slow

HANDLER = "internal/order/handler.go"
PLATFORM = "internal/platform/httpserver"
DRAIN = 1
"""Seconds that a deploy gives requests on the former release."""
LIMITS = {
    f"{PLATFORM}/server.go": {"15 * time.Second": "time.Second", "30 * time.Second": "2 * time.Second"},
    f"{PLATFORM}/limits.go": {"10 * time.Second": "time.Second"},
    "invoke.yaml": {"drain_timeout: 30": f"drain_timeout: {DRAIN}"},
}
"""The service's limits, and shorter ones, so that it does not take half a minute to outlast them."""
LONGER = 3.5
"""Seconds that are beyond all of them."""
MEBIBYTE = 1 << 20


def examples() -> list[str]:
    """The code in the part of the document that is about limits."""
    text = (ROOT / "docs" / "work.md").read_text(encoding="utf-8")
    part = text.partition("### Limits of a route\n")[2].partition("\n### ")[0]
    return re.findall(r"^```go\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module", params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def service(request: pytest.FixtureRequest, make_service: Callable[..., Service]) -> Service:
    """A service with the document's routes, and a handler for each that the document only names."""
    made = make_service(request.param, database="none")
    limited, streamed, ticks = examples()
    last = 'orders.GET("/:id", h.get)\n'
    made.edit(HANDLER, last, last + "".join(f"\t{line}\n" for line in (limited + streamed).splitlines()))
    path = made.folder / HANDLER
    imports = "\nfunc (h *Handler) importOrders(c *gin.Context) {\n\tvar any struct{ Text string }\n"
    imports += "\tif p := httpserver.Decode(c, &any); p != nil {\n\t\tproblem.Write(c, p)\n\t}\n}\n"
    path.write_text(f"{path.read_text()}\n{ticks}{imports}")
    for name, shorter in LIMITS.items():
        for limit, other in shorter.items():
            made.edit(name, limit, other)
    made.deploy()
    return made


def stream(service: Service) -> http.client.HTTPResponse:
    """An open answer of the route that goes on."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.request("GET", "/v1/orders/ticks")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Content-Type")) == (200, "text/event-stream;charset=utf-8")
    return answer


def test_a_stream_goes_on_for_longer_than_any_limit(service: Service) -> None:
    answer = stream(service)
    begun = time.monotonic()

    while time.monotonic() - begun < LONGER:
        assert answer.readline(), f"it ended after {time.monotonic() - begun:.1f} s"


def test_a_stream_goes_on_through_a_deploy_and_ends_as_a_whole_answer_with_its_release(service: Service) -> None:
    before = service.get("/version").body
    change(service)
    begun = time.monotonic()
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(stream(service).read)  # fails where the answer is cut

        service.deploy()

        events = reading.result(timeout=10)
    assert time.monotonic() - begun > DRAIN
    assert events.endswith(b"\n\n")
    assert service.get("/version").body != before
    assert stream(service).readline() == b"event:tick\n"


def test_a_route_takes_a_larger_body_where_its_limits_say_so(service: Service) -> None:
    url = f"http://127.0.0.1:{service.port}/v1/orders"
    document = {"Text": "x" * 2 * MEBIBYTE}

    assert request("POST", f"{url}/import", document).status == 200
    assert request("POST", url, document).status == 413
