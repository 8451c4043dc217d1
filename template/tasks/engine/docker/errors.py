"""What an engine says no to, as faults: no other wing knows the errors of Docker's library."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ..core.errors import DeployFault, EngineGoneFault, Fault

C = TypeVar("C", bound=type)


def telling_faults(cls: C) -> C:
    """Let the public methods of a class, inherited ones too, raise faults: EngineGoneFault where the engine, or the way
    to it, has ended, and DeployFault where it refuses something."""
    for name in dir(cls):
        member = inspect.getattr_static(cls, name)
        if not name.startswith("_") and inspect.isfunction(member):
            setattr(cls, name, _told(member))
    return cls


@contextmanager
def faults_told() -> Iterator[None]:
    """Raise what the engine says no to meanwhile as a fault."""
    try:
        yield
    except Exception as error:
        fault = None if isinstance(error, Fault) else as_fault(error)
        if fault is None:
            raise
        raise fault from error


def as_fault(error: BaseException) -> Fault | None:
    """An error of the engine as a fault; None for an error of another kind."""
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    from docker.errors import APIError, DockerException

    if isinstance(error, (RequestException, HTTPError)) and not isinstance(error, APIError):
        return EngineGoneFault(str(error).splitlines()[-3:])
    if isinstance(error, DockerException):
        return DeployFault("the engine refuses a step", details=[refusal(error)])
    return None


def refusal(error: BaseException) -> str:
    """What an engine says where it refuses, without the address that it was asked at; else what the error says."""
    from docker.errors import APIError

    told = error.explanation if isinstance(error, APIError) else ""
    return str(told or error)


def _told(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def telling(*arguments: Any, **options: Any) -> Any:
        with faults_told():
            return method(*arguments, **options)

    return telling
