"""How a model wants to be asked: its file's own chat template, as llama.cpp and transformers use it."""

import re
from datetime import UTC, datetime
from typing import NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

PLAIN = "{{ messages[0].content }}\n\n### Human:\n{{ messages[1].content }}\n\n### Assistant:{{ '\n' }}"
"""GPT4All's own, for a model whose file has none."""

_USER = "\ue000user\ue000"
_PLACEHOLDER = re.compile(r"%(?=[12])")


class ChatTemplate:
    """Renders the frame around what the user says.

    GPT4All takes a frame with `%1` where the user's words go: what is in the frame may hold the model's special tokens,
    such as `<|im_start|>`; in the user's words, where the passages are, they are plain text.
    """

    def __init__(self, source: str | None) -> None:
        self._source = source or PLAIN

    def frame(self, system: str, prefix: str) -> str:
        """The frame, ending where the answer goes on: after `prefix`."""
        before, after = self._around(system)
        # `%2` ends the answer's place: without it GPT4All would add two lines to the answer.
        return f"{_harmless(before)}%1{_harmless(after + prefix)}%2"

    def _around(self, system: str) -> tuple[str, str]:
        apart = [{"role": "system", "content": system}, {"role": "user", "content": _USER}]
        together = [{"role": "user", "content": f"{system}\n\n{_USER}"}]
        for messages in (apart, together):
            try:
                before, found, after = _rendered(self._source, messages).partition(_USER)
            except (TemplateError, TypeError, ValueError):
                # Some models know no system role, and say so by an error.
                continue
            if found and system.strip() in before and _USER not in after:
                return before, after
        before, _, after = _rendered(PLAIN, apart).partition(_USER)
        return before, after


def _rendered(source: str, messages: list[dict[str, str]]) -> str:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    return environment.from_string(source).render(
        messages=messages,
        add_generation_prompt=True,
        # The tokenizer puts the beginning of a text there itself.
        bos_token="",
        eos_token="",
        raise_exception=_refuse,
        strftime_now=_now,
    )


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.now(UTC).strftime(form)


def _harmless(text: str) -> str:
    """`text` without the places that GPT4All would fill."""
    return _PLACEHOLDER.sub("% ", text)
