"""The types of `@env-spec` that values are held against, and the options of each.

A value is what the service takes, too: numbers and booleans are those of Go's strconv.
"""

from __future__ import annotations

import ipaddress
import math
import re
import uuid
from collections.abc import Callable
from decimal import Decimal
from urllib.parse import urlsplit

WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
"""Numbers that Go's strconv reads, too: plain digits, no spaces, no underscores."""
INT = ("-2147483648", "2147483647")
"""What Config's fields of type int take from a variable; a larger `max` is for a field of type int64."""
EMAIL = re.compile(r"[^@\s\"<>]+@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}")
SEMVER = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
"""As semver.org has it, but for what its parts may not begin with."""


def _string(value: str, options: dict[str, str]) -> str:
    if "matches" in options and not re.search(_at_the_very_end(options["matches"]), value):
        return f"a text that matches {options['matches']}"
    if len(value) < int(options.get("minLength", "0")):
        return f"at least {options['minLength']} characters long"
    if len(value) > int(options.get("maxLength", str(len(value)))):
        return f"at most {options['maxLength']} characters long"
    if len(value) != int(options.get("isLength", str(len(value)))):
        return f"{options['isLength']} characters long"
    if not value.startswith(options.get("startsWith", "")):
        return f"a text that begins with {options['startsWith']}"
    if not value.endswith(options.get("endsWith", "")):
        return f"a text that ends with {options['endsWith']}"
    return ""


def _number(value: str, options: dict[str, str]) -> str:
    whole = options.get("isInt") == "true"
    if not (WHOLE if whole else DECIMAL).fullmatch(value) or not math.isfinite(float(value)):
        return "a whole number" if whole else "a number"
    limits = INT if whole else ("-inf", "inf")
    least, most = (options.get(name, limit) for name, limit in zip(("min", "max"), limits, strict=True))
    if not Decimal(least) <= Decimal(value) <= Decimal(most):
        return f"a number from {least.replace('-inf', 'any')} to {most.replace('inf', 'any')}"
    return ""


def _boolean(value: str, _: dict[str, str]) -> str:
    return "" if value in ("true", "false") else "true or false"


def _port(value: str, options: dict[str, str]) -> str:
    least, most = int(options.get("min", "1")), int(options.get("max", "65535"))
    fits = re.fullmatch(r"[0-9]{1,5}", value) and least <= int(value) <= most
    return "" if fits else f"a port from {least} to {most}"


def _url(value: str, options: dict[str, str]) -> str:
    try:
        parts = urlsplit(value)
        complete = parts.scheme and (parts.netloc or parts.path) and parts.port != 0
    except ValueError:
        complete = False
    refused = re.search(r"[\s\x00-\x1f\x7f]|%(?![0-9A-Fa-f]{2})", value)
    if not complete or refused:
        return "a URL such as scheme://host/path"
    protocols = _words(options.get("allowedProtocols", parts.scheme))
    if parts.scheme not in [word.rstrip(":") for word in protocols]:
        return f"a URL whose scheme is one of {', '.join(protocols)}"
    return ""


def _email(value: str, _: dict[str, str]) -> str:
    return "" if EMAIL.fullmatch(value) else "an address such as somebody@example.com"


def _ip(value: str, options: dict[str, str]) -> str:
    version = options.get("version", "")
    try:
        fits = not version or ipaddress.ip_address(value).version == int(version)
        ipaddress.ip_address(value)
    except ValueError:
        fits = False
    return "" if fits else f"an address of IP version {version}" if version else "an IP address"


def _uuid(value: str, _: dict[str, str]) -> str:
    try:
        return "" if str(uuid.UUID(value)) == value.lower() else "a UUID"
    except ValueError:
        return "a UUID"


def _semver(value: str, _: dict[str, str]) -> str:
    return "" if SEMVER.fullmatch(value) else "a semantic version such as 1.2.3"


def _enum(value: str, options: dict[str, str]) -> str:
    return "" if value in options.values() else "one of " + ", ".join(options.values())


def _at_the_very_end(pattern: str) -> str:
    """`pattern` with a `$` that means the end, as in JavaScript: Python's lets a line end follow."""
    return re.sub(r"(\\.|\[(?:\\.|[^\]])*\])|\$", lambda match: match[1] or r"\Z", pattern, flags=re.DOTALL)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(_at_the_very_end(pattern))
    except re.error:
        return False
    return True


def _is_decimal(text: str) -> bool:
    return DECIMAL.fullmatch(text) is not None and math.isfinite(float(text))


def _is_count(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", text) is not None


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and 0 < int(text) < 65536


def _is_text(text: str) -> bool:
    return bool(text)


def _words(text: str) -> list[str]:
    """The words of a list in brackets; what has none is a list of one."""
    return [word.strip().strip('"') for word in text.strip("[]").split(",") if word.strip()]


def _are_schemes(text: str) -> bool:
    words = _words(text)
    return bool(words) and all(re.fullmatch(r"[a-z][a-z0-9+.-]*:?", word) for word in words)


def _is_ip_version(text: str) -> bool:
    return text in ("4", "6")


def _is_switch(text: str) -> bool:
    return text in ("true", "false")


TYPES: dict[str, Callable[[str, dict[str, str]], str]] = {
    "string": _string,
    "number": _number,
    "boolean": _boolean,
    "port": _port,
    "url": _url,
    "email": _email,
    "ip": _ip,
    "uuid": _uuid,
    "semver": _semver,
    "enum": _enum,
}
"""Each checks a value against the type's options and answers with what it should have been, or an empty string."""
OPTIONS: dict[str, dict[str, Callable[[str], bool]]] = {
    "string": {
        **dict.fromkeys(("minLength", "maxLength", "isLength"), _is_count),
        **dict.fromkeys(("startsWith", "endsWith"), _is_text),
        "matches": _compiles,
    },
    "number": {"min": _is_decimal, "max": _is_decimal, "isInt": _is_switch},
    "port": {"min": _is_port, "max": _is_port},
    "url": {"allowedProtocols": _are_schemes},
    "ip": {"version": _is_ip_version},
}
"""The options of the types, and whether a value of one can be held. A word of an enumeration is no option."""
