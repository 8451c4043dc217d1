"""The program that bpftrace runs: which functions of the service it stops at, and what it adds up there.

All sums are made in the kernel, so that a request costs a few traps and no message. A goroutine is told from others by
the register that holds its g (Go's ABIInternal). There are no return probes: they write to the stack, which Go moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

from .binary import Binary

HERTZ = 99
"""Samples a second and processor: not in step with what happens every 10 ms."""
LONGEST_ROUTE = 200
"""Characters of a route that bpftrace can hold (BPFTRACE_STRLEN)."""
MOST_KEYS = 16_384
"""Keys of a map: for each request under way, and for each bucket of each route."""

BEGIN = "github.com/gin-gonic/gin.(*Engine).ServeHTTP"
LABELS = "github.com/prometheus/client_golang/prometheus.(*MetricVec).GetMetricWithLabelValues"
END = "net/http.(*conn).setState"
STATUS = "runtime.casgstatus"
PARK = "runtime.gopark"


@dataclass(frozen=True)
class Registers:
    """Where Go's ABIInternal has the goroutine and the first integer arguments, by bpftrace's names."""

    g: str
    first: str
    second: str
    third: str


REGISTERS = {"amd64": Registers("r14", "ax", "bx", "cx"), "arm64": Registers("r28", "r0", "r1", "r2")}

# A request begins in the handler and ends when its connection becomes idle or is closed, with all of the answer
# written. In between the metrics' middleware names it: three labels are method, route and status. A goroutine that is
# under way leaves the states waiting (4) and runnable (1) of runtime2.go with a call of casgstatus(g, from, to); what
# it waits for is the stack that parked it. Buckets are an exponent and three bits: none is wider than a quarter.
REQUESTS = Template("""
uprobe:$exe:$begin /pid == $pid/ { @start[reg("$g")] = nsecs; }
uprobe:$exe:$labels /pid == $pid && @start[reg("$g")] && reg("$third") == 3/ {
  $$g = reg("$g");
  $$labels = reg("$second");
  $$route = *(uint64 *)($$labels + 16);
  $$length = *(uint64 *)($$labels + 24);
  @method[$$g] = *(uint64 *)*(uint64 *)$$labels & ((1 << 8 * *(uint64 *)($$labels + 8)) - 1);
  @route[$$g] = $$route;
  @length[$$g] = $$length;
  if (@known[$$route, $$length] == 0) {
    @known[$$route, $$length] = 1;
    @name[$$route, $$length] = str($$route, $$length);
  }
}
uprobe:$exe:$park /pid == $pid && @start[reg("$g")]/ { @stack[reg("$g")] = ustack; }
uprobe:$exe:$status /pid == $pid && @start[reg("$first")]/ {
  $$g = reg("$first");
  $$from = reg("$second") & 15;
  $$spent = nsecs - @since[$$g];
  if ($$from == 4) { @waited[$$g] += $$spent; @off_cpu[@stack[$$g]] = sum($$spent); }
  if ($$from == 1) { @queued[$$g] += $$spent; }
  @since[$$g] = nsecs;
}
uprobe:$exe:$end /pid == $pid && @start[reg("$g")]/ {
  $$g = reg("$g");
  $$us = (nsecs - @start[$$g]) / 1000;
  $$exponent = (uint64)0;
  unroll(28) { if ($$us >= 8) { $$us = $$us >> 1; $$exponent = $$exponent + 1; } }
  @latency[@method[$$g], @route[$$g], @length[$$g], $$exponent * 8 + $$us] = count();
  @waiting[@method[$$g], @route[$$g], @length[$$g]] = sum(@waited[$$g]);
  @queueing[@method[$$g], @route[$$g], @length[$$g]] = sum(@queued[$$g]);
  delete(@start[$$g]);
  delete(@method[$$g]);
  delete(@route[$$g]);
  delete(@length[$$g]);
  delete(@waited[$$g]);
  delete(@queued[$$g]);
}
""")
SAMPLES = Template("""
profile:hz:$hertz /pid == $pid/ { @on_cpu[kstack, ustack] = count(); }
interval:s:$seconds { exit(); }
""")


def of_requests(binary: Binary, pid: int) -> str:
    """The probes that time each request; UsageFault where the binary has no place for one of them."""
    registers = vars(REGISTERS[binary.machine])
    places = {"begin": BEGIN, "labels": LABELS, "end": END, "status": STATUS, "park": PARK}
    addresses = {name: f"{binary.probe_address(function):#x}" for name, function in places.items()}
    return REQUESTS.substitute(registers, **addresses, pid=pid, exe=f"/proc/{pid}/exe")


def of_samples(pid: int, seconds: int) -> str:
    """The probe that looks at the processors, and the end after some seconds."""
    return SAMPLES.substitute(pid=pid, seconds=seconds, hertz=HERTZ)


def command(program: str) -> list[str]:
    """bpftrace with a program. It is called unsafe because it cannot tell where a stripped binary's functions begin."""
    return ["bpftrace", "--unsafe", "-f", "json", "-e", program]


LIMITS = {
    "BPFTRACE_STRLEN": str(LONGEST_ROUTE),
    "BPFTRACE_MAP_KEYS_MAX": str(MOST_KEYS),
    "BPFTRACE_NO_USER_SYMBOLS": "1",
}
"""What bpftrace is told by its environment."""
