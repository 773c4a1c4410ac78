"""The chat template in a model's file, rendered as llama.cpp and transformers do."""

import re
from datetime import UTC, datetime
from typing import NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

PLAIN = "{{ messages[0].content }}\n\n### Human:\n{{ messages[1].content }}\n\n### Assistant:{{ '\n' }}"
"""GPT4All's default template, for a model file without one."""

_USER = "\ue000user\ue000"
_PLACEHOLDER = re.compile(r"%(?=[12])")


class ChatTemplate:
    """Renders the template around the user's message.

    GPT4All takes a template with `%1` in place of the message: special tokens such as `<|im_start|>` count in the
    template only; in the message, which has the passages, they are plain text.
    """

    def __init__(self, source: str | None) -> None:
        self._source = source or PLAIN

    def frame(self, system: str, prefix: str) -> str:
        """The rendered template, ending with `prefix`, which the answer continues."""
        before, after = self._split_template(system)
        # `%2` marks the place of the answer; without it, GPT4All would append two lines.
        return f"{_without_placeholders(before)}%1{_without_placeholders(after + prefix)}%2"

    def _split_template(self, system: str) -> tuple[str, str]:
        separate = [{"role": "system", "content": system}, {"role": "user", "content": _USER}]
        merged = [{"role": "user", "content": f"{system}\n\n{_USER}"}]
        for messages in (separate, merged):
            try:
                before, found, after = _render(self._source, messages).partition(_USER)
            except (TemplateError, TypeError, ValueError):
                # Some templates raise an error for the system role.
                continue
            if found and system.strip() in before and _USER not in after:
                return before, after
        before, _, after = _render(PLAIN, separate).partition(_USER)
        return before, after


def _render(source: str, messages: list[dict[str, str]]) -> str:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    return environment.from_string(source).render(
        messages=messages,
        add_generation_prompt=True,
        # The tokenizer adds these itself.
        bos_token="",
        eos_token="",
        raise_exception=_refuse,
        strftime_now=_now,
    )


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.now(UTC).strftime(form)


def _without_placeholders(text: str) -> str:
    """`text` without the placeholders that GPT4All would replace."""
    return _PLACEHOLDER.sub("% ", text)
