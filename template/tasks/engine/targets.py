"""The target that an environment's settings name."""

from __future__ import annotations

from .compose import ComposeProject
from .configuration import Configuration
from .paths import state_home
from .runner import Runner
from .settings import Settings
from .target import Target


def make_target(runner: Runner, settings: Settings, configuration: Configuration) -> Target:
    """The target of `configuration`'s environment; MissingFault where it needs an engine and none answers."""
    environment = configuration.environment
    state = state_home() / f"{settings.service}-{environment.name}"
    if environment.target == "process":
        from .process_target import ProcessTarget

        return ProcessTarget(runner, settings, configuration, state)
    from .docker_target import DockerTarget

    return DockerTarget(runner, ComposeProject(runner.root, state, settings, configuration))
