"""A Go binary as it lies on the disk: its functions, found without a symbol table, and where a probe may be put.

Production binaries are stripped, but every Go binary carries the table by which its own runtime names functions in a
stack trace: the pclntab. Its layout is that of runtime.pcHeader and of debug/gosym in Go's source, Go 1.20 to 1.26.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from ..core.errors import UsageFault

MAGIC = 0xFFFFFFF1
"""Of the pclntab since Go 1.20 (internal/abi.Go120PCLnTabMagic)."""
MACHINES = {62: "amd64", 183: "arm64"}
"""ELF's numbers (e_machine) by the names that Go has for them."""
SYMBOLS = ".symtab"
"""The section that stripping takes away."""
SEGMENT_LOADED = 1

PLACES = {
    # The frame pointer's push: the kernel emulates that one instruction, where it would have to trap a second time to
    # step over another. The arguments are still in their registers, and the check of the stack, which may run twice,
    # lies behind: cmp 16(r14) with rsp or r12, a jump, push rbp, mov rsp to rbp.
    "amd64": re.compile(
        rb"(?:(?:I;f\x10|L\x8d(?:d\$.|\xa4\$....)M;f\x10)(?:v.|\x0f\x86....))?(?=UH\x89\xe5)", re.DOTALL
    ),
    # The first instruction: ldr x16, [x28, 16] of the stack's check, or str x30 where there is none.
    "arm64": re.compile(rb"(?=\x90\x0b\x40\xf9|\xfe\x0f.\xf8)", re.DOTALL),
}
LONGEST_PLACE = 32


@dataclass(frozen=True)
class Section:
    """A section of an ELF file: its address in memory, its offset in the file and its size, in bytes."""

    address: int
    offset: int
    size: int


@dataclass(frozen=True)
class Binary:
    """The functions of a Go binary by their addresses as the linker gave them, in ascending order."""

    data: bytes
    machine: str
    text: Section
    loaded_at: int
    stripped: bool
    addresses: tuple[int, ...]
    names: tuple[str, ...]

    @cached_property
    def _by_name(self) -> dict[str, int]:
        return dict(zip(self.names, self.addresses, strict=True))

    def function_at(self, address: int) -> str:
        """The name of the function that an address lies in; empty where it lies in none."""
        if not self.text.address <= address < self.text.address + self.text.size:
            return ""
        found = bisect_right(self.addresses, address) - 1
        return self.names[found] if found >= 0 else ""

    def probe_address(self, function: str) -> int:
        """Where a probe in the beginning of a function can be put, as bpftrace wants to be told.

        It takes an address for one of memory where it finds a symbol there, and else for an offset in the file. A
        probe between two instructions would break the service: UsageFault where the function does not begin as Go's
        functions do, or is not there.
        """
        address = self._by_name.get(function, 0)
        offset = address - self.text.address + self.text.offset
        place = PLACES[self.machine].match(self.data[offset : offset + LONGEST_PLACE]) if address else None
        if place is None:
            what = f"the binary has no {function} that a probe can be put into"
            raise UsageFault(what, remedy="bring the tasks up to date, by template.update: they know Go 1.20 to 1.26")
        return (offset if self.stripped else address) + place.end()


def parse_binary(data: bytes) -> Binary:
    """Read a Go binary for 64-bit Linux; UsageFault where it is something else."""
    if data[:6] != b"\x7fELF\x02\x01" or (machine := MACHINES.get(_numbers("<H", data, 18)[0], "")) == "":
        raise UsageFault("only binaries for Linux on amd64 and arm64 can be observed")
    sections = _sections(data)
    table = next((sections[name] for name in (".gopclntab", ".data.rel.ro.gopclntab") if name in sections), None)
    if table is None or ".text" not in sections:
        raise UsageFault("this is no Go binary: it has no table of functions (.gopclntab)")
    text = sections[".text"]
    functions = _functions(data[table.offset : table.offset + table.size], text.address)
    return Binary(data, machine, text, _first_address(data), SYMBOLS not in sections, *functions)


def _sections(data: bytes) -> dict[str, Section]:
    """The sections of an ELF file by name, from its section header table (elf(5))."""
    (start,) = _numbers("<Q", data, 40)
    count, names_at = _numbers("<HH", data, 60)
    headers = [_numbers("<IIQQQQ", data, start + 64 * index) for index in range(count)]
    if not headers:
        return {}
    names = headers[names_at][4]
    return {_text(data, names + header[0]): Section(*header[3:6]) for header in headers}


def _first_address(data: bytes) -> int:
    """The lowest address of what is loaded into memory: 0 in a position-independent binary."""
    (start,) = _numbers("<Q", data, 32)
    (count,) = _numbers("<H", data, 56)
    segments = [_numbers("<IIQQ", data, start + 56 * index) for index in range(count)]
    return min(address for kind, _, _, address in segments if kind == SEGMENT_LOADED)


def _functions(table: bytes, text: int) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Addresses and names in a pclntab; `text` is the address of the code, which the table no longer holds."""
    if _numbers("<I", table, 0)[0] != MAGIC:
        raise UsageFault("this Go binary's table of functions is of another version than Go 1.20 to 1.26 write")
    count, _, _, names, _, _, _, functions = _numbers("<8Q", table, 8)
    addresses, offsets = zip(*struct.iter_unpack("<II", table[functions : functions + 8 * count]), strict=True)
    named = (names + _numbers("<i", table, functions + offset + 4)[0] for offset in offsets)
    return tuple(text + address for address in addresses), tuple(_text(table, at) for at in named)


def _numbers(form: str, data: bytes, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, data, at)
    except struct.error as error:
        raise UsageFault("this binary is cut short") from error


def _text(data: bytes, start: int) -> str:
    end = data.find(b"\0", start)
    return data[start : max(end, start)].decode(errors="replace")
