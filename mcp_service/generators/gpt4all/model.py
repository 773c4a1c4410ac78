"""A GPT4All model in this process: the one place that knows the native library."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from mcp_service.generators.gpt4all.chat_template import ChatTemplate
from mcp_service.generators.gpt4all.messages import Ended, Write
from mcp_service.generators.gpt4all.model_file import NotAModel, read_model_file

BATCH = 128
"""Tokens of the prompt that are read at a time: the most that the library takes, and twelve times as fast as its
default of 8. A stop waits for one batch."""

SAMPLING = {"top_k": 40, "top_p": 0.95, "min_p": 0.05, "repeat_penalty": 1.0}
"""The defaults of llama.cpp, so that a model answers as it does behind an endpoint; a penalty for repeating would
punish citations."""

MOST_THREADS = 8
"""More seldom help: memory is the limit then, and a container may have fewer cores than it sees."""


class Model:
    """A model in memory."""

    def __init__(self, path: Path, context: int) -> None:
        """Load it, with room for `context` tokens if it was made for as many.

        Raises:
            NotAModel: it cannot be loaded, and why.
        """
        about = read_model_file(path)
        self.context = min(context, about.context or context)
        self._template = ChatTemplate(about.chat_template)
        library: Any = import_module("gpt4all")
        try:
            self._model: Any = library.GPT4All(
                path.name, model_path=path.parent, allow_download=False, n_ctx=self.context
            ).model
        except RuntimeError as error:
            raise NotAModel(f"GPT4All says: {error}") from error
        try:
            # The library does not say that it could not load a file, but it refuses to work with it.
            self._model.set_thread_count(_threads())
        except Exception as error:  # the library raises no narrower class here
            raise NotAModel("it is damaged, of a kind that GPT4All does not know, or larger than memory") from error

    def write(self, order: Write, tell: Callable[[str], None], is_stopped: Callable[[], bool]) -> Ended:
        """Write an answer; `is_stopped` is asked after each batch of the prompt and each token of the answer."""
        heard = _Heard(tell, is_stopped)
        # Its own always says to go on, so that a prompt could not be stopped.
        vars(self._model)["_prompt_callback"] = heard.reading
        self._model.prompt_model(
            order.user,
            self._template.frame(order.system, order.prefix),
            heard.writing,
            n_predict=order.max_tokens,
            temp=order.temperature,
            n_batch=BATCH,
            reset_context=True,
            special=False,
            **SAMPLING,
        )
        written = max(0, self._model.context.n_past - heard.read)
        if heard.too_long:
            reason = "too_long"
        elif is_stopped():
            reason = "stopped"
        else:
            reason = "length" if written >= min(order.max_tokens, self.context - heard.read) else "stop"
        return Ended(reason=reason, prompt_tokens=heard.read, completion_tokens=written)


@dataclass
class _Heard:
    """What the library says while it works, and is told: whether it is to go on."""

    tell: Callable[[str], None]
    is_stopped: Callable[[], bool]
    read: int = 0
    too_long: bool = False

    def reading(self, _token: int) -> bool:
        """A token of the prompt was read."""
        self.read += 1
        return not self.is_stopped()

    def writing(self, token: int, text: str) -> bool:
        """A token of the answer was written; a negative one comes with an error, and there is but this one."""
        if token < 0:
            self.too_long = True
            return False
        if self.is_stopped():
            return False
        if text:
            self.tell(text)
        return True


def _threads() -> int:
    """One core is left to the rest: the threads wait for each other, and for one that waits for a core all do."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(MOST_THREADS, max(1, cores - 1))
