"""What is wrong with the configuration of an environment: its files, its sources of secrets, its values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from ..core.errors import Fault, nearest
from .age import NoIdentityFault
from .configuration import DEV_KEY, GENERATED, ISSUER_KEYS, Configuration, Environments
from .dotenv import read_env_file
from .findings import Finding, check_compose, check_lines, check_names
from .schema import Schema, Variable
from .settings import Environment
from .sources import FileSource, Source

PLACEHOLDER = re.compile(r"(?i)^(<.*>|x{3,}|change[-_ ]?(me|it)|todo|tbd|fixme|replace[-_ ]?me|your[-_].*|\.\.\.)$")
WITHOUT_ISSUER = ("dev", "staging")
LONGEST = 100_000
"""Bytes of a plain value: Linux takes no more than 128 KiB for one variable of a process."""


@dataclass(frozen=True)
class Check:
    """What is wrong, and the sources of secrets that were not opened: nobody here can, or a vault would be asked.

    `notes` are worth knowing: what is deprecated works still.
    """

    findings: list[Finding]
    closed: list[str]
    notes: list[Finding] = field(default_factory=list)


def check(
    environments: Environments, environment: Environment, sets: Iterable[str] = (), *, open_all: bool = True
) -> Check:
    """Everything that is wrong with one environment, in the order of the files.

    Without `open_all`, no command is asked for secrets, and a file that nobody here can open is taken as it is.
    """
    files = environments.files(environment.name)
    schema = environments.schema
    findings = [each for file in files for each in (*check_lines(file, schema), *check_names(file, schema))]
    configuration = environments.configuration(environment, sets)
    closed: list[Source] = []
    for source in environments.sources(environment):
        fault = _opened(source, open_all)
        if fault is not None:
            closed.append(source)
        if fault:
            findings.append(Finding(source.origin, 0, "", fault))
        findings += _check_source(schema, source)
    findings += [*_rest(environments, configuration, closed), *_check_environments(environments)]
    return Check(findings, [source.origin for source in closed], _deprecated(configuration))


def _rest(environments: Environments, configuration: Configuration, closed: Collection[Source]) -> list[Finding]:
    """What is wrong with values, as far as they can be seen, and with what is in git."""
    environment = configuration.environment
    return [
        *_check_values(environments, configuration, closed),
        *_check_name(configuration),
        *_check_issuer(environments, configuration, closed),
        *check_compose(read_env_file(environments.tracked_file(environment.name))),
        *_check_tracked(environments, environment),
        *_check_same_keys(environments, environment.name),
    ]


def _check_environments(environments: Environments) -> list[Finding]:
    """Environments that the schema names and `invoke.yaml` does not."""
    schema = environments.schema
    return [
        Finding(schema.path.name, variable.line, variable.name, f'names "{name}"; {nearest(name, environments.names)}')
        for variable in schema.variables.values()
        for name in variable.exceptions
        if name not in environments.names
    ]


def _deprecated(configuration: Configuration) -> list[Finding]:
    known, given = configuration.schema.variables, configuration.given
    found = [(name, known[name].deprecated) for name in given if known[name].deprecated]
    return [
        Finding(source.origin, 0, name, f"is deprecated: {text}")
        if (source := given.source(name))
        else Finding(given[name].origin, given[name].line, name, f"is deprecated: {text}")
        for name, text in found
    ]


def _opened(source: Source, open_all: bool) -> str | None:
    """Open a source: None where it is open, "" where it may stay closed, else what is wrong."""
    if source.asks and not open_all:
        return ""
    try:
        _ = source.values
    except NoIdentityFault as fault:
        return _sentence(fault) if open_all else ""
    except Fault as fault:
        return _sentence(fault)
    return None


def _sentence(fault: Fault) -> str:
    where = f" ({fault.where})" if fault.where else ""
    return f"{fault.what}{where}; {fault.remedy}" if fault.remedy else f"{fault.what}{where}"


def _check_source(schema: Schema, source: Source) -> list[Finding]:
    """What is wrong with a source whether it is open or not."""
    unknown = [
        Finding(source.origin, 0, name, f"is not in {schema.path.name}; {nearest(name, schema.variables)}")
        for name in source.names
        if name not in schema.variables
    ]
    faults = source.file.faults() if isinstance(source, FileSource) else []
    return [*unknown, *(Finding(source.origin, 0, "", message) for message in faults)]


def _check_values(
    environments: Environments, configuration: Configuration, closed: Collection[Source]
) -> list[Finding]:
    findings = []
    for name, variable in configuration.schema.variables.items():
        if configuration.given.source(name) in closed:
            continue
        value = configuration.given.get(name)
        message = _value_fault(configuration, variable, value.text if value else None)
        if (
            not message
            and not (value and value.text)
            and _is_missing(variable, configuration.environment.name, value is not None)
        ):
            message = (
                f"is required and {'empty' if value else 'missing'}; {_remedy(environments, configuration, variable)}"
            )
        if message:
            origin = value.origin if value else environments.tracked_file(configuration.environment.name).name
            findings.append(Finding(origin, value.line if value else 0, name, message))
    return findings


def _is_missing(variable: Variable, environment: str, given: bool) -> bool:
    """Whether a variable without a value has to have one."""
    if not variable.required_in(environment) or (variable.default and not given and not variable.sensitive):
        return False
    return variable.name != GENERATED or given


def _remedy(environments: Environments, configuration: Configuration, variable: Variable) -> str:
    """Where to set what is missing."""
    name = configuration.environment.name
    if not variable.sensitive:
        return "set it in this file"
    if environments.secret_file(name).exists:
        return f"secrets.set {variable.name} --env={name} does"
    return f"set it in {environments.local_file(name).name}"


def _value_fault(configuration: Configuration, variable: Variable, text: str | None) -> str:
    if not text:
        return ""
    secret = configuration.is_secret(variable.name)
    if "\0" in text:
        return "holds a NUL character, which no variable can"
    if not secret and len(text.encode()) > LONGEST:
        return f"is longer than {LONGEST} bytes, more than a variable can hold"
    if PLACEHOLDER.match(text):
        shown = "a placeholder" if secret else f'the placeholder "{text}"'
        return f"still holds {shown}; give it its real value"
    return replace(variable, sensitive=secret).fault(text)


def _check_name(configuration: Configuration) -> list[Finding]:
    value, name = configuration.given.get("APP_ENV"), configuration.environment.name
    if value is None or value.text in ("", name):
        return []
    message = f'is "{value.text}", and the binary of {name} starts in {name} only'
    return [Finding(value.origin, value.line, "APP_ENV", message)]


def _check_issuer(
    environments: Environments, configuration: Configuration, closed: Collection[Source]
) -> list[Finding]:
    """The service says so at its start, too: but by then an image was built, and a database made."""
    name, asked = configuration.environment.name, DEV_KEY in configuration.schema.variables
    if not asked or name in WITHOUT_ISSUER or configuration.given.source(ISSUER_KEYS) in closed:
        return []
    if configuration[ISSUER_KEYS]:
        return []
    message = "is required, and AUTH_ISSUER with it: only dev and staging may do without an issuer of tokens"
    return [Finding(environments.tracked_file(name).name, 0, ISSUER_KEYS, message)]


def _check_tracked(environments: Environments, environment: Environment) -> list[Finding]:
    """Secrets that stand in the file that is in git."""
    if environment.development:
        return []
    name, known = environment.name, environments.schema.variables
    file = read_env_file(environments.tracked_file(name))
    encrypted = environments.secret_file(name)
    place = encrypted.name if encrypted.exists else environments.local_file(name).name
    message = f"is a secret in a tracked file; move it to {place} and change it"
    return [
        Finding(file.path.name, entry.line, entry.name, message)
        for entry in file.entries
        if entry.value and entry.name in known and known[entry.name].is_secret(entry.value)
    ]


def _check_same_keys(environments: Environments, name: str) -> list[Finding]:
    names = [other for other in environments.names if environments.tracked_file(other).exists()]
    keys = {other: _tracked_keys(environments, other) for other in names}
    findings = []
    for other, theirs in keys.items():
        for key in sorted(theirs - keys[name]) if other != name else []:
            message = f"is set in .env.{other} and not here; set it in both or in neither"
            findings.append(Finding(environments.tracked_file(name).name, 0, key, message))
    return list({finding.name: finding for finding in findings}.values())


def _tracked_keys(environments: Environments, name: str) -> set[str]:
    known = environments.schema.variables
    names = {entry.name for entry in read_env_file(environments.tracked_file(name)).entries if entry.name in known}
    return {key for key in names if not known[key].sensitive}
