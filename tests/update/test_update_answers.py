"""The record of a service's answers: edited by hand it is told, its secrets are not."""

from __future__ import annotations

import json
import subprocess
import warnings

import pytest
import yaml
from copier import run_update

from service_tasks.engine.core.errors import Fault, UsageFault
from service_tasks.engine.template.addresses import masked
from service_tasks.engine.template.status import read_template_status

from ..support.service import Service
from .updating import Garage, Subject

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unproved")]

ANSWERS = ".copier-answers.yml"
EDITS = [
    ("license: mit", "license: none"),
    ("http_port: 8080", "http_port: 9000"),
    ("_commit: v1.0.0", "_commit: v1.3.0"),
]


def invoke(orders: Subject, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a task of the service itself."""
    return Service(orders.folder, orders.folder.parent / "state").invoke(*words)


# --- Edited by hand -------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [*EDITS, ("license: mit\n", "")], ids=["answer", "number", "version", "gone"])
def test_an_edit_by_hand_is_told(orders: Subject, old: str, new: str) -> None:
    orders.edit(ANSWERS, old, new)
    orders.commit()

    assert read_template_status(orders.folder, "orders").answers_edited
    assert "edited by hand" in orders.update().kept[ANSWERS]
    assert "edited by hand" in orders.notes.getvalue()


def test_what_the_tasks_write_is_no_edit_by_hand(garage: Garage) -> None:
    orders = garage.service("v1.0.0")
    assert not read_template_status(orders.folder, "orders").answers_edited

    assert ANSWERS not in orders.update(license="none").kept
    assert not read_template_status(orders.folder, "orders").answers_edited


def test_what_plain_copier_writes_is_no_edit_by_hand(orders: Subject) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_update(orders.folder, defaults=True, quiet=True, overwrite=True, data={"license": "none"})

    assert "_commit: v1.3.0" in orders.text(ANSWERS)
    assert not read_template_status(orders.folder, "orders").answers_edited


def test_another_address_is_no_edit_to_tell(orders: Subject) -> None:
    orders.edit(ANSWERS, str(yaml.safe_load(orders.text(ANSWERS))["_src_path"]), "/nowhere/copier-gin")

    assert not read_template_status(orders.folder, "orders").answers_edited


@pytest.mark.parametrize(
    "content",
    [b"", b"- a\n- list\n", b"text\n", b"1: number\n", b"<<<<<<< ours\n", b"_src_path: \xff\n", b"_src_path: [\n"],
)
def test_what_is_no_record_is_refused(orders: Subject, content: bytes) -> None:
    orders.path(ANSWERS).write_bytes(content)
    orders.commit()

    with pytest.raises(UsageFault, match="does not say which version of which template"):
        orders.update()
    with pytest.raises(UsageFault, match="does not say which version of which template"):
        read_template_status(orders.folder, "orders")


@pytest.mark.parametrize("value", ["[1]", "many", "null", "{a: b}", "2020-01-01", "99999999999999999999"])
def test_an_answer_of_another_kind_is_refused_with_its_name_or_value(orders: Subject, value: str) -> None:
    orders.edit(ANSWERS, "http_port: 8080", f"http_port: {value}")
    orders.commit()
    before = orders.state()

    with pytest.raises(Fault) as fault:
        orders.update()

    assert "http_port" in str(fault.value) or value in str(fault.value)
    assert orders.state() == before


# --- Addresses with a secret ----------------------------------------------------------------------

SECRET = "hunter2token"
ADDRESSES = [
    f"https://{SECRET}@localhost:1/shop/copier-gin.git",
    f"https://user:{SECRET}@localhost:1/shop/copier-gin.git",
    f"git+https://user:{SECRET}@localhost:1/shop/copier-gin.git",
    f"https://localhost:1/shop/copier-gin.git?access_token={SECRET}",
    f"ssh://git:{SECRET}@localhost:1/shop/copier-gin.git",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_token_of_an_address_is_never_shown(orders: Subject, address: str) -> None:
    source = str(yaml.safe_load(orders.text(ANSWERS))["_src_path"])
    orders.edit(ANSWERS, source, address)
    orders.commit()

    found = read_template_status(orders.folder, "orders")
    with pytest.raises(Fault) as fault:
        orders.update()

    told = json.dumps(found.document()) + found.error + str(fault.value) + orders.notes.getvalue()
    assert "localhost:1/shop/copier-gin.git" in told
    assert SECRET not in told


def test_the_tasks_show_no_token(orders: Subject) -> None:
    orders.edit(ANSWERS, str(yaml.safe_load(orders.text(ANSWERS))["_src_path"]), ADDRESSES[1])
    orders.commit()

    for words in ("template.status", "template.status --json", "template.update", "template.update --json"):
        done = invoke(orders, *words.split())
        assert done.returncode == 3, done.stderr
        assert SECRET not in done.stdout + done.stderr
        assert "***@localhost" in done.stdout + done.stderr


def test_what_is_no_secret_stays_readable() -> None:
    for address in ("ssh://git@example.com/a.git", "git@example.com:a.git", "/srv/a@b", "https://example.com/a.git"):
        assert masked(address) == address


def test_an_update_keeps_the_address_as_it_was_given(orders: Subject) -> None:
    long = str(yaml.safe_load(orders.text(ANSWERS))["_src_path"])
    given = f"{'/.' * 60}{long}"
    orders.edit(ANSWERS, long, given)
    orders.commit()

    orders.update()

    assert yaml.safe_load(orders.text(ANSWERS))["_src_path"] == given
