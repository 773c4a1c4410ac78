"""What is learnt of a model's server: the parameters it refuses, and whether it continues an answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from mcp_service.generators.endpoint.problems import Problem

Parameter: TypeAlias = Literal[
    "max_tokens", "max_completion_tokens", "stream_options", "stream", "temperature", "system", "continue"
]

CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}
"""vLLM continues the last message only with these parameters; llama.cpp and Ollama do by default."""

_NAMES: Mapping[Parameter, str] = {
    "continue": r"continue_final_message|add_generation_prompt",
    "stream_options": r"stream_options",
    "temperature": r"temperature",
    "system": r"system[ _-]?(role|message|prompt|instruction)|(role|roles)\b.{0,80}\b(system|alternate)|"
    r"\bsystem\b.{0,40}\brole|only user,? (and )?(assistant|model)",
    "stream": r"\bstream(ing)?\b",
    "max_completion_tokens": r"max_completion_tokens",
    "max_tokens": r"max_tokens",
}
_REFUSES = re.compile(
    r"unsupported|not support|n't support|not supported|unrecogni[sz]ed|unknown|unexpected|extra (inputs|fields)|"
    r"not (permitted|allowed|accepted|available)|invalid (parameter|argument|role)|deprecated|instead|must alternate|"
    r"only user",
    re.IGNORECASE,
)
_REFUSAL_CODES = {"unsupported_parameter", "unsupported_value", "unknown_parameter", "extra_forbidden"}


@dataclass
class Dialect:
    """How a model's server wants to be asked."""

    refused: set[Parameter] = field(default_factory=set[Parameter])
    continues: bool | None = None
    """Whether it continues the last message of the assistant; None if that is not known yet."""
    sends_finish_reason: bool = False
    """Whether an answer has ended with a reason, so that one without was interrupted."""
    lacks_opening_tag: bool = False
    """Whether the model's reasoning has only a closing tag."""

    def body(
        self, model: str, messages: Sequence[Mapping[str, str]], max_tokens: int, temperature: float
    ) -> dict[str, Any]:
        """The request for an answer; it continues the last message if that is the assistant's."""
        body: dict[str, Any] = {"model": model, "messages": self._messages(messages), "stream": True}
        if messages[-1]["role"] == "assistant" and "continue" not in self.refused:
            body |= CONTINUE
        if "max_tokens" not in self.refused:
            body["max_tokens"] = max_tokens
        elif "max_completion_tokens" not in self.refused:
            body["max_completion_tokens"] = max_tokens
        if "temperature" not in self.refused:
            body["temperature"] = temperature
        if "stream" in self.refused:
            body["stream"] = False
        elif "stream_options" not in self.refused:
            body["stream_options"] = {"include_usage": True}
        return body

    def learn(self, problem: Problem, body: Mapping[str, Any]) -> bool:
        """Whether `problem` says that a parameter of `body` is refused, so that the request is worth another try."""
        if not (_REFUSES.search(problem.words) or problem.codes & _REFUSAL_CODES):
            return False
        named = " ".join([problem.words, *sorted(problem.codes)])
        found: list[Parameter] = [
            parameter
            for parameter, pattern in _NAMES.items()
            if self._is_in(parameter, body) and re.search(pattern, named, re.IGNORECASE)
        ]
        if not found:
            return False
        # A code that is exactly a parameter's name is the error's `param` field.
        self.refused.add(min(found, key=lambda parameter: str(parameter) not in problem.codes))
        return True

    def _is_in(self, parameter: Parameter, body: Mapping[str, Any]) -> bool:
        match parameter:
            case "system":
                return any(message["role"] == "system" for message in body["messages"])
            case "continue":
                return "continue_final_message" in body
            case "stream":
                return body["stream"] is True
            case _:
                return parameter in body

    def _messages(self, messages: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
        if "system" not in self.refused:
            return list(messages)
        system, user, *rest = messages
        return [{"role": "user", "content": f"{system['content']}\n\n{user['content']}"}, *rest]
