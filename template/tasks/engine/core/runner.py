"""The one place where commands are run: quoted, timed out, from the service's root, or only shown in a dry run."""

from __future__ import annotations

import functools
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from .errors import MissingFault
from .redaction import redactor

FOR_SERVICE = ("PATH", "HOME", "USER", "LANG", "TMPDIR")
"""The variables of the shell that a process of the service has, beside its values."""
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
PASSED_ON = (
    *FOR_SERVICE,
    *("LOGNAME", "TERM", "NO_COLOR", "SSH_AUTH_SOCK", "GIT_CONFIG_GLOBAL"),
    *("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"),
    *(
        "DOCKER_HOST",
        "DOCKER_CONTEXT",
        "DOCKER_CONFIG",
        "DOCKER_TLS",
        "DOCKER_TLS_VERIFY",
        "DOCKER_CERT_PATH",
        "BUILDX_CONFIG",
    ),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", *PROXIES, *(name.lower() for name in PROXIES)),
)
"""Those that docker, git, ssh and hooks have: where things are and which engine it is, never how something is built."""
FOR_GIT = (
    *PASSED_ON,
    *("GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_TERMINAL_PROMPT", "GIT_SSL_CAINFO", "NETRC"),
    *(f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")),
)
"""Those that git has where it talks to others: how it logs in, and in whose name it commits."""
FOR_GO = (
    *FOR_GIT,
    *("GOPATH", "GOCACHE", "GOMODCACHE", "GOTMPDIR", "GOENV", "GOTOOLCHAIN", "GOPROXY", "GOSUMDB", "GOPRIVATE"),
    *("GONOPROXY", "GONOSUMDB", "GOINSECURE", "GOVCS", "GOAUTH"),
)
"""Those that a build with Go has: where its caches are and where modules come from."""


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit status and both outputs as text."""

    status: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether it exited with 0."""
        return self.status == 0

    def tail(self, lines: int = 15) -> list[str]:
        """The last lines of what it said, standard error first choice."""
        return [line for line in (self.stderr or self.stdout).splitlines() if line.strip()][-lines:]


@dataclass(frozen=True)
class Running:
    """A command that was started."""

    process: subprocess.Popen[str]

    def wait(self, timeout: float | None = None, feed: str = "") -> Outcome:
        """What it left, once it has ended; status 124 where it takes more than `timeout` seconds.

        `feed` is its standard input, where it was started with one.
        """
        try:
            out, errors = self.process.communicate(feed or None, timeout)
        except subprocess.TimeoutExpired:
            command = str(self.process.args[0])  # type: ignore[index]
            return Outcome(124, "", f"{command} did not finish within {timeout:.0f} s and was ended")
        return Outcome(self.process.returncode, out, errors)

    def end(self) -> None:
        """Kill it where it has not ended."""
        with self.process:
            self.process.kill()


@dataclass(frozen=True)
class Runner:
    """Runs commands in `root`. In a dry run nothing changes: commands and acts are printed to `log` instead.

    `env` is a command's whole environment, by default that of `clean_environment`.
    """

    root: Path
    dry: bool
    log: TextIO

    def read(self, argv: Sequence[str], env: Mapping[str, str] | None = None, feed: str = "") -> Outcome:
        """Run a command that changes nothing, in a dry run too; `feed` is its standard input."""
        return self._run(argv, env, None, feed)

    def run(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        feed: str = "",
    ) -> Outcome:
        """Run a command that changes something and capture what it says; `timeout` in seconds gives status 124."""
        if self.dry:
            self._show(shlex.join(argv))
            return Outcome(0, "", "")
        return self._run(argv, env, timeout, feed)

    def stream(self, argv: Sequence[str], env: Mapping[str, str] | None = None, without: bytes = b"") -> int:
        """Run a command on the user's own terminal and give its exit status.

        Where its output goes elsewhere, `without` is left out of it.
        """
        if self.dry:
            self._show(shlex.join(argv))
            return 0
        try:
            if not without or sys.stdout.isatty():
                return subprocess.run(argv, cwd=self.root, env=_whole(env), check=False).returncode
            with subprocess.Popen(argv, cwd=self.root, env=_whole(env), stdout=subprocess.PIPE) as process:
                for line in process.stdout or ():
                    text = line.replace(without, b"").decode(errors="surrogateescape")
                    sys.stdout.buffer.write(redactor.redact(text).encode(errors="surrogateescape"))
                    sys.stdout.buffer.flush()
            return process.returncode
        except FileNotFoundError as error:
            raise _not_found(argv) from error

    def act(self, description: str, action: Callable[[], object]) -> None:
        """Do something that is not a command, such as a call of the engine's API."""
        if self.dry:
            self._show(description)
        else:
            action()

    def begin(self, argv: Sequence[str], env: Mapping[str, str] | None = None, fed: bool = False) -> Running:
        """Start a command, also in a dry run; it runs until it is waited for or ended. `fed` gives it an input."""
        return Running(self._started(argv, env, fed))

    def _run(self, argv: Sequence[str], env: Mapping[str, str] | None, timeout: float | None, feed: str) -> Outcome:
        running: Running | None = None
        try:
            running = self.begin(argv, env, fed=bool(feed))
            return running.wait(timeout, feed)
        finally:
            if running is not None:
                running.end()

    def _started(self, argv: Sequence[str], env: Mapping[str, str] | None, fed: bool) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(
                argv,
                cwd=self.root,
                env=_whole(env),
                stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                preexec_fn=_ending_with_this_process(),
            )
        except FileNotFoundError as error:
            raise _not_found(argv) from error

    def _show(self, text: str) -> None:
        print(f"  would: {text}", file=self.log, flush=True)


def clean_environment(extra: Mapping[str, str], names: Collection[str] = PASSED_ON) -> dict[str, str]:
    """The shell's variables of these names, and `extra`: no other can change a deploy."""
    return {**{name: os.environ[name] for name in names if name in os.environ}, **extra}


@functools.cache
def _ending_with_this_process() -> Callable[[], object] | None:
    """What a command does before it begins: ask Linux for SIGTERM when its parent ends (PR_SET_PDEATHSIG of prctl(2)).

    What a deployer that was killed has started must not work against the next deploy, which need not wait for it.
    """
    if sys.platform != "linux":
        return None
    import ctypes

    ask, ends_with_parent = ctypes.CDLL(None).prctl, 1
    return lambda: ask(ends_with_parent, signal.SIGTERM)


def _whole(env: Mapping[str, str] | None) -> Mapping[str, str]:
    return clean_environment({}) if env is None else env


def _not_found(argv: Sequence[str]) -> MissingFault:
    return MissingFault(f"{argv[0]} is not installed", remedy=f"install {argv[0]} and run the task again")
