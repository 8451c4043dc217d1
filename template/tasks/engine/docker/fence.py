"""A fence around the containers of an environment, for a lock that may be lost while its holder stands still.

Between asking for its lock and the command that it was about to run, a deployer may stand still for minutes, as a
laptop that is closed does. By then somebody else has taken the lock over and deployed. So the holder of a lock starts,
stops and removes a container only under a name with the lock's own token, which the engine gives it atomically, and
asks for the lock again in between. Whoever gets the lock takes such names back first: a late command finds nothing by
the name that it says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.disk import NO_SPACE
from ..deploy.lock import Lease
from .engine import Engine
from .errors import refusal

if TYPE_CHECKING:
    from docker.api import APIClient
    from docker.models.containers import Container

T = TypeVar("T")
CLAIMED_NAME = re.compile(r"(?P<plain>.+)\.(?P<token>[0-9a-f]{12})")
"""What a container is called while somebody works on it: its own name and the token of a lock."""


@dataclass(frozen=True)
class Fence:
    """The containers of a compose project, for the holder of `lease`; `token` is the lock's own, of 12 hex digits."""

    engine: Engine
    project: str
    lease: Lease
    token: str

    def take_back(self) -> None:
        """Take back what former holders of the lock have claimed: their commands reach nothing any more."""
        for container in self.engine.find_all(self.project):
            if CLAIMED_NAME.fullmatch(container.name or ""):
                _take_back(self.engine.client.api, container, self.token)

    def require(self) -> None:
        """LockedFault where the lock is lost."""
        self.lease.require()

    @contextmanager
    def claimed(self, container: Container) -> Iterator[Claim]:
        """A container under a name that only this holder knows; LockedFault where the lock is lost."""
        claim = Claim(self.engine.client.api, container, self.lease, self.token)
        try:
            claim.take()
            yield claim
        finally:
            claim.give_back()


class Claim:
    """A container that is claimed. Its commands fail with LockedFault as soon as somebody else has the lock."""

    def __init__(self, api: APIClient, container: Container, lease: Lease, token: str) -> None:
        self._api = api
        self._container = container
        self._lease = lease
        self._plain = plain_name(container)
        self._name = f"{self._plain}.{token}"

    def take(self) -> None:
        """Give it the name, and be sure that the lock was held by then; NotFound where the container is gone."""
        from docker.errors import APIError

        try:
            _rename(self._api, self._container, self._name)
        except APIError as error:
            if NO_SPACE not in refusal(error):
                raise
            # An engine whose disk is full renames nothing; what has to be stopped is then stopped by its id.
            self._name = str(self._container.id)
        finally:
            self._lease.require()

    def give_back(self) -> None:
        """Give it its own name again, if it is still claimed."""
        from docker.errors import APIError

        with suppress(APIError):
            self._api.rename(self._name, self._plain)

    def state(self) -> dict[str, Any]:
        """What the engine says of its state: Status, Pid, Paused and so on."""
        found: dict[str, Any] = self._do(self._api.inspect_container)["State"]
        return found

    def start(self) -> None:
        """Start it; nothing where it runs."""
        self._do(self._api.start)

    def stop(self, timeout: int) -> None:
        """Stop it, and kill what has not ended after `timeout` seconds."""
        self._do(lambda name: self._api.stop(name, timeout=timeout))

    def end(self, seconds: int) -> None:
        """Ask its process to end without a lead, as nothing comes to it any more; stop it after some seconds."""
        from requests.exceptions import RequestException

        from docker.errors import APIError

        try:
            self._do(lambda name: self._api.kill(name, signal="SIGINT"))
            self._do(lambda name: self._api.wait(name, timeout=seconds))
        except APIError as error:
            if error.status_code != 409:  # It has ended already.
                raise
        except RequestException:
            self.stop(0)

    def restart(self) -> None:
        """Stop and start it."""
        self._do(self._api.restart)

    def remove(self, volumes: bool) -> None:
        """Remove it, with its anonymous volumes if wanted. The engine refuses one that runs."""
        self._do(lambda name: self._api.remove_container(name, v=volumes))

    def pause(self) -> None:
        """Freeze all of its processes."""
        self._do(self._api.pause)

    def unpause(self) -> None:
        """Thaw it."""
        self._do(self._api.unpause)

    def come_back(self, policy: str) -> None:
        """Give it another restart policy."""
        self._do(lambda name: self._api.update_container(name, restart_policy={"Name": policy}))  # type: ignore[arg-type]

    def _do(self, command: Callable[[str], T]) -> T:
        from docker.errors import NotFound

        try:
            return command(self._name)
        except NotFound:
            # The name may be gone without the lock: a late deployer claims first, and looks for its lock then.
            self.take()
            return command(self._name)


def plain_name(container: Container) -> str:
    """A container's own name, whether it is claimed or not."""
    found = CLAIMED_NAME.fullmatch(container.name or "")
    return found["plain"] if found else str(container.name)


def _rename(api: APIClient, container: Container, name: str) -> None:
    """Rename a container from the name that it was seen with: of two that do so at once, one finds it gone.

    Raises NotFound where the container itself is gone.
    """
    from docker.errors import NotFound

    while container.name != name:
        with suppress(NotFound):
            api.rename(str(container.name), name)
        container.reload()


def _take_back(api: APIClient, container: Container, token: str) -> None:
    """Give a container its own name, or a claimed one of this token where that is taken; thaw it if it is frozen."""
    from docker.errors import APIError, NotFound

    plain = plain_name(container)
    with suppress(NotFound):
        try:
            _rename(api, container, plain)
        except APIError as error:
            if error.status_code != 409:
                raise
            _rename(api, container, f"{plain}.{token}")
        if container.status == "paused":
            api.unpause(str(container.name))
