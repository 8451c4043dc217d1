"""The functions of a real Go binary, read from what stripping leaves, and the places where a probe may be put."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from service_tasks.engine.core.errors import UsageFault
from service_tasks.engine.observe.binary import Binary, parse_binary

PROGRAM = 'package main\n\nimport "os"\n\nfunc main() { os.Stdout.WriteString("done\\n") }\n'
BUILDS = {
    "amd64": ("amd64", ()),
    "position-independent": ("amd64", ("-buildmode=pie",)),
    "for a debugger": ("amd64", ("-gcflags=all=-N -l",)),
    "arm64": ("arm64", ()),
}
STRIP = "-ldflags=-s -w"
PROBED = ("runtime.casgstatus", "runtime.gopark", "main.main")


@pytest.fixture(scope="module", params=list(BUILDS))
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A program, stripped and with its symbols: the code of both is the same."""
    machine, options = BUILDS[request.param]
    folder = tmp_path_factory.mktemp("program")
    (folder / "main.go").write_text(PROGRAM)
    (folder / "go.mod").write_text("module example.com/program\n\ngo 1.26.0\n")
    env = {**os.environ, "GOARCH": machine, "GOOS": "linux", "CGO_ENABLED": "0"}
    for name, more in (("stripped", (STRIP,)), ("whole", ())):
        subprocess.run(["go", "build", *options, *more, "-o", name, "."], cwd=folder, env=env, check=True, timeout=300)
    return folder / "stripped", folder / "whole"


def symbols(path: Path) -> set[tuple[str, int]]:
    """The functions that a symbol table has, by Go's own tool; those for assembly without the mark of their ABI."""
    said = subprocess.run(["go", "tool", "nm", path], capture_output=True, text=True, check=True).stdout
    found = (line.split(maxsplit=2) for line in said.splitlines())
    return {(name.removesuffix(".abi0"), int(address, 16)) for address, kind, name in found if kind in "Tt"}


def instructions(path: Path, function: str) -> list[int]:
    """Where the instructions of a function begin, by Go's own disassembler."""
    command = ["go", "tool", "objdump", "-s", f"^{re.escape(function)}$", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [int(address, 16) for address in re.findall(r"^\s+\S+:\d+\s+0x([0-9a-f]+)", said, re.MULTILINE)]


def parsed(path: Path) -> Binary:
    return parse_binary(path.read_bytes())


def test_a_stripped_binary_names_its_functions_as_the_symbol_table_would(built: tuple[Path, Path]) -> None:
    stripped, whole = built
    named = set(zip(parsed(stripped).names, parsed(stripped).addresses, strict=True))
    expected = symbols(whole)
    known = {name for name, _ in expected}

    assert {"main.main", "runtime.gopark", "os.(*File).Write"} <= known & {name for name, _ in named}
    assert len(named) > 1000
    assert {(name, address) for name, address in named if name in known} <= expected


def test_an_address_within_a_function_finds_it(built: tuple[Path, Path]) -> None:
    stripped, whole = built
    start, *_, last = instructions(whole, "main.main")

    assert [parsed(stripped).function_at(address) for address in (start, last)] == ["main.main"] * 2
    assert parsed(stripped).function_at(1) == ""


def test_a_probe_is_put_between_whole_instructions_at_the_functions_beginning(built: tuple[Path, Path]) -> None:
    stripped, whole = built
    text = parsed(stripped).text

    for function in PROBED:
        in_memory = parsed(stripped).probe_address(function) - text.offset + text.address
        assert in_memory in instructions(whole, function)[:5], function
        assert parsed(whole).probe_address(function) == in_memory


def test_a_function_that_is_not_there_gets_no_probe(built: tuple[Path, Path]) -> None:
    with pytest.raises(UsageFault, match=r"no main\.gone"):
        parsed(built[0]).probe_address("main.gone")


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "only binaries for Linux"), (Path("/bin/true").read_bytes(), "no Go binary")],
    ids=["nothing", "a program in C"],
)
def test_what_is_no_go_binary_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(UsageFault, match=words):
        parse_binary(data)


def test_a_binary_that_is_cut_short_is_refused(built: tuple[Path, Path]) -> None:
    data = built[0].read_bytes()

    for size in (30, len(data) // 2):
        with pytest.raises(UsageFault):
            parse_binary(data[:size])
