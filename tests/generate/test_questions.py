"""The questions of the template: each has a default and a rule, and what breaks the rule is refused."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.sandbox import SandboxedEnvironment

from maintain.rendering import example_answers
from service_tasks.engine.template.modules import requirements

from .copying import QUESTIONS, copy_in_process


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_a_type_a_default_and_help_that_is_a_sentence(name: str) -> None:
    question = QUESTIONS[name]

    assert question["type"]
    assert question.get("default") not in (None, "")
    assert question["help"].strip().endswith(".")


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_answer_is_yes_or_no_chosen_from_a_list_or_validated(name: str, tmp_path: Path) -> None:
    question = QUESTIONS[name]
    copiers = SandboxedEnvironment(extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"])
    folder = {"_copier_conf": {"dst_path": tmp_path}}

    assert question["type"] == "bool" or "choices" in question or "validator" in question
    for kind in QUESTIONS["kind"]["choices"].values() if "choices" in question else ():
        default = copiers.from_string(question["default"]).render(kind=kind, **folder)
        assert default in question["choices"].values()


KINDS = {
    "minimal": {"database": "none", "kubernetes": False, "ci": "none"},
    "standard": {"database": "postgres", "kubernetes": False, "ci": "github"},
    "everything": {"database": "postgres", "kubernetes": True, "ci": "github"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_question_sets_the_defaults_of_the_others_and_no_more(
    untracked_template: Path, tmp_path: Path, kind: str
) -> None:
    assert next(iter(QUESTIONS)) == "kind"
    assert list(QUESTIONS["kind"]["choices"].values()) == ["standard", "minimal", "everything"]
    own = {"database": "sqlite", "kubernetes": False, "ci": "github"}

    alone = copy_in_process(untracked_template, tmp_path / "alone", {"kind": kind})
    with_own = copy_in_process(untracked_template, tmp_path / "with_own", {"kind": kind, **own})

    for folder, expected in ((alone, KINDS[kind]), (with_own, own)):
        answers = yaml.safe_load((folder / ".copier-answers.yml").read_text())
        assert {name: answers[name] for name in expected} == expected
        assert answers["kind"] == kind


def test_the_example_answers_are_answers_to_questions() -> None:
    assert set(example_answers()) <= set(QUESTIONS)


DNS_LABEL = "lower-case letters, digits and hyphens"
MODULE = "use a domain with a dot"
DEVICES = "the names of devices"
REFUSED = "not a module path that Go accepts"
UNREADABLE = ("\x7f", "\x85", "\u2028", "\ud800", "\udcff", "\ufeff", "\uffff")
"""What no file in YAML can hold as it is."""
REFUSED_BY_GO = (
    *("example.com/aux", "example.com/AUX/orders", "example.com/con.v1", "nul.com/orders", "example.com/lpt1/orders"),
    *("example.com/vendor", "example.com/vendor/orders", "example.com/orders/vendor"),
    *("example.com/b~1", "example.com/b~1.x/orders", "example.com/a~b~22"),
)
ACCEPTED_BY_GO = (
    *("example.com/auxiliary", "example.com/com0", "example.com/orders.aux", "example.com/vendors"),
    *("example.com/b~", "example.com/b~x", "example.com/b.x~1", "example.com/internal/orders", "example.com/orders/v2"),
)
BAD_ANSWERS: list[tuple[str, Any, str]] = [
    ("project_name", "", DNS_LABEL),
    ("project_name", "Orders", DNS_LABEL),
    ("project_name", "my_orders", DNS_LABEL),
    ("project_name", "my orders", DNS_LABEL),
    ("project_name", "2orders", DNS_LABEL),
    ("project_name", "-orders", DNS_LABEL),
    ("project_name", "orders-", DNS_LABEL),
    ("project_name", "../orders", DNS_LABEL),
    ("project_name", "café", DNS_LABEL),
    ("project_name", "o" * 41, DNS_LABEL),
    ("project_name", "orders\n", DNS_LABEL),
    ("project_name", "aux", DEVICES),
    ("project_name", "con", DEVICES),
    ("project_name", "nul", DEVICES),
    ("project_name", "prn", DEVICES),
    ("project_name", "com1", DEVICES),
    ("project_name", "lpt9", DEVICES),
    ("module_path", "", MODULE),
    ("module_path", "orders", MODULE),
    ("module_path", "example/orders", MODULE),
    ("module_path", "Example.com/orders", MODULE),
    ("module_path", "https://example.com/orders", MODULE),
    ("module_path", "example.com/orders/", MODULE),
    ("module_path", "example.com//orders", MODULE),
    ("module_path", "example.com/my orders", MODULE),
    ("module_path", "example.com/../orders", MODULE),
    ("module_path", "example.com/orders\n", MODULE),
    *(("module_path", path, REFUSED) for path in REFUSED_BY_GO),
    ("http_port", 80, "from 1024 to 65533"),
    ("http_port", 65534, "from 1024 to 65533"),
    ("http_port", -1, "from 1024 to 65533"),
    ("description", " ", "one line of 1 to 200 characters"),
    ("description", "two\nlines", "one line of 1 to 200 characters"),
    ("description", "one line\n", "one line of 1 to 200 characters"),
    ("description", 'so "called"', "without double quotes"),
    ("description", "back\\slash", "backslashes"),
    ("description", "expands ${HOME}", "without double quotes"),
    *(("description", f"before{sign}after", "control characters") for sign in UNREADABLE),
    *(("author", f"before{sign}after", "control characters") for sign in UNREADABLE),
    ("description", "o" * 201, "one line of 1 to 200 characters"),
    ("author", " ", "one line of 1 to 100 characters"),
    ("author", 'The "authors"', "without double quotes"),
    ("author", "expands ${HOME}", "without double quotes"),
    ("author", "o" * 101, "one line of 1 to 100 characters"),
    ("go_version", "1", "use major and minor"),
    ("go_version", "1.26.3", "use major and minor"),
    ("go_version", "go1.26", "use major and minor"),
    ("go_version", "latest", "use major and minor"),
]


@pytest.mark.parametrize(("name", "value", "rule"), BAD_ANSWERS, ids=[f"{n}={v!r:.24}" for n, v, _ in BAD_ANSWERS])
def test_a_bad_answer_is_refused_with_the_value_and_the_rule(
    name: str, value: Any, rule: str, untracked_template: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError) as refusal:
        copy_in_process(untracked_template, tmp_path / "service", {**example_answers(), name: value})

    sentence = " ".join(str(refusal.value).split())
    assert name in sentence
    assert " ".join(str(value).split()) in sentence
    assert rule in sentence
    assert not (tmp_path / "service").exists()


@pytest.mark.slow
@pytest.mark.parametrize("path", [*REFUSED_BY_GO, *ACCEPTED_BY_GO])
def test_a_module_path_is_refused_where_go_refuses_it(path: str, untracked_template: Path, tmp_path: Path) -> None:
    for name, text in {
        "go.mod": f"module {path}\n\ngo 1.26\n",
        "internal/app/app.go": "package app\n",
        "cmd/orders/main.go": f'package main\n\nimport _ "{path}/internal/app"\n\nfunc main() {{}}\n',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    built = subprocess.run(["go", "build", "-o", os.devnull, "./cmd/orders"], cwd=tmp_path, capture_output=True)

    assert (built.returncode == 0) == (path in ACCEPTED_BY_GO), built.stderr
    if path in ACCEPTED_BY_GO:
        copy_in_process(untracked_template, tmp_path / "service", {**example_answers(), "module_path": path})


def test_the_path_of_any_module_that_a_service_may_need_is_refused(untracked_template: Path, tmp_path: Path) -> None:
    text = (untracked_template / "template" / "go.mod.jinja").read_text()
    modules = list(requirements(text))
    assert "modernc.org/sqlite" in modules and "github.com/jackc/pgx/v5" in modules
    for module in (modules[0], "modernc.org/libc", "github.com/jackc/pgx/v5", modules[-1]):
        for database in ("none", "sqlite"):
            answers = {**example_answers(), "database": database, "module_path": module}
            with pytest.raises(ValueError, match="a module that the service needs"):
                copy_in_process(untracked_template, tmp_path / "service", answers)
    near = {**example_answers(), "module_path": "github.com/jackc/pgx/v5x"}
    assert copy_in_process(untracked_template, tmp_path / "near", near).exists()


@pytest.mark.parametrize("name", ["kind", "database", "runtime", "license", "ci"])
def test_a_choice_that_does_not_exist_is_refused_with_the_choices(
    name: str, untracked_template: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"'{name}'.*'oracle'.*'{[*QUESTIONS[name]['choices'].values()][-1]}'"):
        copy_in_process(untracked_template, tmp_path / "service", {**example_answers(), name: "oracle"})


@pytest.mark.parametrize("name", ["null", "o" * 40])
def test_a_name_that_means_something_in_yaml_is_a_name_all_the_same(
    name: str, untracked_template: Path, tmp_path: Path
) -> None:
    folder = copy_in_process(untracked_template, tmp_path / "service", {"project_name": name})

    assert yaml.safe_load((folder / "invoke.yaml").read_text())["service"] == name
    compose = yaml.safe_load((folder / "docker-compose.yml").read_text())
    assert compose["services"]["database"]["environment"]["POSTGRES_USER"] == name


def test_a_description_with_signs_of_yaml_and_docker_arrives_as_it_was_given(
    untracked_template: Path, tmp_path: Path
) -> None:
    description = "It's 100 %: #1 & <b> {x} [y] *z | !w, für 価格 and 🚀"
    answers = {**example_answers(), "description": description}
    folder = copy_in_process(untracked_template, tmp_path / "service", answers)

    document = yaml.safe_load((folder / "api" / "openapi.yaml").read_text())
    assert description in (document["info"].get("description"), document["info"].get("summary"))
    assert yaml.safe_load((folder / ".copier-answers.yml").read_text())["description"] == description
    assert f'description="{description}"' in (folder / "Dockerfile").read_text()
