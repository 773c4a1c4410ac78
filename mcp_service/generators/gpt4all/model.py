"""A GPT4All model in this process; only this module uses the native library."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from dynavera.models.model_file import NotAModel, read_model_file
from mcp_service.generators.gpt4all.chat_template import ChatTemplate
from mcp_service.generators.gpt4all.messages import Ended, Write
from mcp_service.generators.gpt4all.native_errors import native_errors

BATCH = 128
"""Prompt tokens evaluated at a time: the library's maximum, twelve times as fast as its default of 8. A stop waits for
one batch."""

SAMPLING = {"top_k": 40, "top_p": 0.95, "min_p": 0.05, "repeat_penalty": 1.0}
"""llama.cpp's defaults, so that a model answers as it does behind an endpoint; a repeat penalty would affect
citations."""

MAX_THREADS = 8
"""More rarely help: memory bandwidth is the limit, and a container may have fewer cores than it sees."""


UNKNOWN_REASON = "it is damaged, of a kind that GPT4All does not know, or larger than memory"


class Model:
    """A model in memory."""

    def __init__(self, path: Path, context: int) -> None:
        """Load it with a context of `context` tokens, or as many as the model supports.

        Raises:
            NotAModel: it cannot be loaded; the message says why.
        """
        about = read_model_file(path)
        self.context = min(context, about.context or context)
        self._template = ChatTemplate(about.chat_template)
        self._model = _load(path, self.context)

    def write(self, command: Write, on_text: Callable[[str], None], is_stopped: Callable[[], bool]) -> Ended:
        """Write an answer; `is_stopped` is called after each batch of the prompt and each token of the answer."""
        callbacks = _Callbacks(on_text, is_stopped)
        # The library's own callback always continues, so a prompt could not be stopped.
        vars(self._model)["_prompt_callback"] = callbacks.reading
        self._model.prompt_model(
            command.user,
            self._template.frame(command.system, command.prefix),
            callbacks.writing,
            n_predict=command.max_tokens,
            temp=command.temperature,
            n_batch=BATCH,
            reset_context=True,
            special=False,
            **SAMPLING,
        )
        written = max(0, self._model.context.n_past - callbacks.read)
        if callbacks.too_long:
            reason = "too_long"
        elif is_stopped():
            reason = "stopped"
        else:
            reason = "length" if written >= min(command.max_tokens, self.context - callbacks.read) else "stop"
        return Ended(reason=reason, prompt_tokens=callbacks.read, completion_tokens=written)


@dataclass
class _Callbacks:
    """The library's callbacks, which return whether it should continue."""

    on_text: Callable[[str], None]
    is_stopped: Callable[[], bool]
    read: int = 0
    too_long: bool = False

    def reading(self, _token: int) -> bool:
        """Called for each token of the prompt."""
        self.read += 1
        return not self.is_stopped()

    def writing(self, token: int, text: str) -> bool:
        """Called for each token of the answer; a negative one means that the prompt exceeds the context."""
        if token < 0:
            self.too_long = True
            return False
        if self.is_stopped():
            return False
        if text:
            self.on_text(text)
        return True


def _load(path: Path, context: int) -> Any:
    library: Any = import_module("gpt4all")
    failure: Exception | None = None
    with native_errors() as errors:
        try:
            model: Any = library.GPT4All(path.name, model_path=path.parent, allow_download=False, n_ctx=context).model
        except RuntimeError as error:
            raise NotAModel(f"GPT4All reports: {error}") from error
        try:
            # The library does not report a failed load, but refuses to work afterwards.
            model.set_thread_count(_threads())
        except Exception as error:  # noqa: BLE001 -- the library raises no narrower class here
            failure = error
    if failure is not None:
        raise NotAModel(f"llama.cpp reports: {errors.reason}" if errors.reason else UNKNOWN_REASON) from failure
    return model


def _threads() -> int:
    """All cores but one: the threads wait for each other, so one without a core would delay all."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(MAX_THREADS, max(1, cores - 1))
