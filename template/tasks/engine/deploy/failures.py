"""Any error of a deploy as a fault that says what serves now."""

from __future__ import annotations

from ..core.disk import FREE_SPACE, NO_SPACE
from ..core.errors import BuildFault, DeployFault, EngineGoneFault, Fault, MissingFault, UsageFault
from .releases import Deployment

BEFORE_SWITCH = (UsageFault, MissingFault, BuildFault)


class UnfinishedFault(Fault):
    """The new release serves, but what follows the switch was not finished; `deployment` is what was done."""

    def __init__(self, deployment: Deployment, reason: str, slot: str) -> None:
        super().__init__(
            f"the new release serves, but what follows was not finished: {reason}",
            where=f"slot {slot}",
            remedy="nothing needs to be done at once: the next deploy takes over from here",
        )
        self.deployment = deployment
        self.settled = True


def explained(error: BaseException, undone: str, environment: str) -> Fault:
    """Any error as a fault that says what serves now."""
    if isinstance(error, Fault) and error.settled:
        return error
    fault = _as_fault(error, undone, f"mend the cause and deploy again; logs --env={environment} shows more")
    fault.settled = True
    return fault


def _as_fault(error: BaseException, undone: str, remedy: str) -> Fault:
    if isinstance(error, KeyboardInterrupt):
        return DeployFault("the deploy was interrupted", where=undone, remedy="deploy again when you are ready")
    if NO_SPACE in told(error):
        remedy = FREE_SPACE
    if isinstance(error, Fault):
        kind = next((kind for kind in BEFORE_SWITCH if isinstance(error, kind)), DeployFault)
        where = f"{error.where}; {undone}" if error.where else undone
        return kind(error.what, where=where, remedy=error.remedy or remedy, details=error.details)
    return DeployFault(f"{type(error).__name__}: {error}", where=undone, remedy=remedy)


def told(error: BaseException) -> str:
    """What an error says, with its details."""
    return " ".join([error.what, *error.details]) if isinstance(error, Fault) else str(error)


def gone(host: str, error: BaseException) -> Fault:
    """The engine cannot be asked any more: nothing can be undone, and nothing is known of what serves there."""
    fault = MissingFault(
        f"{host or 'the engine'} does not answer any more",
        where="the former release serves there, or the new one does: status tells which, once it answers again",
        details=error.details if isinstance(error, EngineGoneFault) else told(error).splitlines()[-3:],
        remedy=EngineGoneFault([]).remedy,
    )
    fault.settled = True
    return fault


def unfinished(error: BaseException, host: str, deployment: Deployment, slot: str) -> Fault:
    """What went wrong once the new release served; `slot` is what it left behind."""
    if isinstance(error, EngineGoneFault):
        return gone(host, error)
    reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(getattr(error, "what", error))
    return UnfinishedFault(deployment, reason, slot)
