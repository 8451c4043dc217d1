"""Secret values are taken out of what is printed, in all their forms, and nothing else is."""

from __future__ import annotations

import base64
import io
import json
import shlex
from urllib.parse import quote, quote_plus

import pytest

from service_tasks.engine.core.network import MASK
from service_tasks.engine.core.redaction import RedactingStream, Redactor, redactor

SECRET = 'p@ss/w ord"é\\x-12'


def redact(text: str, *values: str) -> str:
    """A text without some values."""
    made = Redactor()
    for value in values:
        made.add(value)
    return made.redact(text)


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET),
        quote_plus(SECRET),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps({"error": f"cannot reach {SECRET}"}),
        shlex.quote(SECRET),
        repr(SECRET),
        str(ValueError(f"at {SECRET}")),
        f"postgres://orders:{quote(SECRET, safe='')}@database/orders",
    ],
)
def test_a_value_is_taken_out_in_each_form_in_which_programs_print_it(form: str) -> None:
    told = redact(f"before {form} after", SECRET)

    assert MASK in told
    assert told.startswith("before ")
    assert told.endswith(" after")
    for piece in ("ss/w", "ss%2Fw", "w ord", "w+ord", "w%20ord"):
        assert piece not in told


@pytest.mark.parametrize("user", ["", "a", "ab", "abc:", "orders:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_value_is_taken_out_of_base64_wherever_it_begins_there(user: str, encode: object) -> None:
    encoded = encode(f"{user}{SECRET}:more".encode()).decode()  # type: ignore[operator]

    told = redact(f"Authorization: Basic {encoded}", SECRET)

    assert MASK in told
    # What is left around the mask are the neighbours' own characters.
    assert len(told.replace(MASK, "")) < len(f"Authorization: Basic {encoded}") - len(SECRET)


def test_a_value_of_several_lines_is_taken_out_line_by_line() -> None:
    key = "-----BEGIN KEY-----\nabcdefghijklmnop\nqrstuvwxyz012345\n-----END KEY-----\n"

    told = redact("line 2 | abcdefghijklmnop\nline 3 | qrstuvwxyz012345", key)

    assert told == f"line 2 | {MASK}\nline 3 | {MASK}"


@pytest.mark.parametrize("value", ["", "a", "1", "no", "true", "5432", "info", "orders", "8081"])
def test_short_values_and_common_words_do_not_turn_the_output_into_asterisks(value: str) -> None:
    text = "orders info: true, no 1 of 15432 answers at http://localhost:18081/orders"

    assert redact(text, value) == text


def test_a_short_value_that_is_no_word_is_taken_out_where_it_stands_alone() -> None:
    assert redact("password=a1b2c3 is not xa1b2c3x", "a1b2c3") == f"password={MASK} is not xa1b2c3x"


def test_of_two_values_the_longer_one_goes_first() -> None:
    assert redact("secret-secret-more", "secret-secret", "secret-secret-more") == MASK


def test_a_stream_lets_everything_else_through_and_keeps_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redactor, "_known", set())
    monkeypatch.setattr(redactor, "_pattern", None)
    below = io.StringIO()
    stream = RedactingStream(below)

    print("before the secret is known: s3cret-value", file=stream)
    redactor.add("s3cret-value")
    print("after: s3cret-value", file=stream)

    assert below.getvalue() == f"before the secret is known: s3cret-value\nafter: {MASK}\n"
    assert stream.isatty() is False
