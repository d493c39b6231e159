"""A chat template is an untrusted program: it renders as transformers would render it, or it is stopped."""

from __future__ import annotations

import time

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from probrm.encoders.templates import render_template
from tests.small_models import CHATML

MESSAGES = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ünïcode\n"}]
GOOD = {
    "chatml": CHATML,
    "special tokens": "{{ bos_token }}{% for m in messages -%}\n  [{{ m.role }}] {{ m['content'] | trim }}{{ eos_token }}\n{%- endfor %}",
    "macros and namespaces": (
        "{% macro one(m) %}<{{ m.role }}>{{ m.content }}{% endmacro %}{% set ns = namespace(n=0) %}"
        "{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ ns.n }}{{ one(m) }}{% if loop.last %}{% break %}{% endif %}{% endfor %}"
    ),
    "json and days": "{{ messages | tojson(indent=1) }}{{ date_string }}{% generation %}x{% endgeneration %}",
}


@pytest.mark.parametrize("name", GOOD)
def test_as_transformers_renders_it(name: str) -> None:
    named = {"bos_token": "<s>", "eos_token": "</s>", "date_string": "26 Jul 2024"}
    expected, _ = render_jinja_template(conversations=[MESSAGES], chat_template=GOOD[name], **named)  # type: ignore[arg-type]
    assert render_template(GOOD[name], named, MESSAGES) == expected[0]


@pytest.mark.parametrize(
    "template",
    [
        "{{ 1 / 0 }}",
        "{{ nothing.of.that.kind }}",
        "{{ raise_exception('no') }}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{% include '/etc/passwd' %}",
        "{{ 'x' * 10 ** 10 }}",
        "{{ 'x'.rjust(10 ** 10) }}",
        "{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
        "{% for",
    ],
)
def test_what_fails_takes_memory_or_reaches_out_cannot_be_used(template: str) -> None:
    begun = time.monotonic()
    assert render_template(template, {}, MESSAGES) is None
    assert time.monotonic() - begun < 10
    assert render_template(CHATML, {}, MESSAGES) is not None  # the next one is served


def test_what_runs_on_is_stopped() -> None:
    begun = time.monotonic()
    assert render_template("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", {}, MESSAGES) is None
    assert time.monotonic() - begun < 30
    assert render_template(CHATML, {}, [*MESSAGES, *MESSAGES]) is not None
