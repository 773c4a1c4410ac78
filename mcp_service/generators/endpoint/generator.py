"""The generator for OpenAI-compatible endpoints: llama.cpp, Ollama, vLLM, hosted ones."""

import logging
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from starlette import status

from mcp_service.generator_prompt import Prompt, build_prompt
from mcp_service.generators.endpoint.answer import DoesNotContinue, EndpointAnswer
from mcp_service.generators.endpoint.chunks import BrokenOff, Chunk
from mcp_service.generators.endpoint.client import Endpoint, ErrorStatus
from mcp_service.generators.endpoint.errors import (
    error_in_answer,
    error_of_response,
    malformed_chunk,
    not_compatible,
    stream_interrupted,
    stream_without_answer,
)
from mcp_service.generators.endpoint.problems import EndpointProblem
from mcp_service.generators.endpoint.reading import AnswerReader, EndedEarly, GarbledChunk, NotAnAnswer
from mcp_service.generators.generator import GenerationItem, GeneratorAway, GeneratorInput
from mcp_service.generators.silence_timeout import SilenceLimits, SilenceTimer
from mcp_service.refusals import Refused
from mcp_service.tokens import estimate_tokens

CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}
"""vLLM continues the last message only with these parameters; llama.cpp and Ollama do by default."""

_BAD_REQUEST = {status.HTTP_400_BAD_REQUEST, status.HTTP_422_UNPROCESSABLE_CONTENT}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenAiCompatible:
    """A model behind an OpenAI-compatible endpoint."""

    name: str
    model: str
    endpoint: Endpoint
    silence: SilenceLimits

    async def stream(self, inputs: GeneratorInput) -> AsyncGenerator[GenerationItem]:
        """The answer as the endpoint sends it; closing the stream closes the HTTP connection at once.

        An endpoint that does not continue after the prefix is asked again without it, and the answer starts over.
        """
        for prefix in (inputs.prefix, ""):
            try:
                async with aclosing(self._attempt(inputs, prefix)) as items:
                    async for item in items:
                        yield item
            except DoesNotContinue as error:
                logger.info("%s", error)
            else:
                return

    async def _attempt(self, inputs: GeneratorInput, prefix: str) -> AsyncGenerator[GenerationItem]:
        prompt = build_prompt(inputs.query, inputs.passages, inputs.instructions)
        answer = EndpointAnswer(self.name, prefix)
        try:
            async with aclosing(self._chunks(inputs, prompt, answer)) as chunks:
                async for chunk in chunks:
                    for delta in answer.deltas(chunk):
                        yield delta
        except Refused:
            # After the end of the text only the token usage is missing.
            if answer.finish_reason is None:
                raise
        for delta in answer.rest():
            yield delta
        yield answer.finished(answer.finish_reason or "stop", prompt.tokens)

    async def _chunks(self, inputs: GeneratorInput, prompt: Prompt, answer: EndpointAnswer) -> AsyncGenerator[Chunk]:
        """The chunks of one response.

        Raises:
            Refused: the endpoint does not answer, or not to the end.
        """
        timer = SilenceTimer(self.name, self.silence)
        with self._translated_errors(answer):
            with timer.running():
                response = await self._request(self._body(inputs, prompt, answer.kept))
            async with aclosing(response), aclosing(AnswerReader(response).chunks()) as chunks:
                while True:
                    with timer.running():
                        chunk = await anext(chunks, None)
                    if chunk is None:
                        return
                    if chunk.has_token:
                        timer.restart()
                    yield chunk

    async def _request(self, body: Mapping[str, Any]) -> httpx2.Response:
        try:
            return await self.endpoint.chat(body)
        except httpx2.HTTPError as error:
            raise GeneratorAway(
                f"The endpoint of {self.name!r} cannot be reached. Is OPENAI_BASE_URL right?"
            ) from error

    def _body(self, inputs: GeneratorInput, prompt: Prompt, kept: str) -> dict[str, Any]:
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
        if kept:
            messages.append({"role": "assistant", "content": kept})
        return {
            "model": self.model,
            "messages": messages,
            "max_tokens": max(1, inputs.max_tokens - estimate_tokens(kept)),
            "temperature": inputs.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
            **(CONTINUE if kept else {}),
        }

    @contextmanager
    def _translated_errors(self, answer: EndpointAnswer) -> Generator[None]:
        try:
            yield
        except ErrorStatus as error:
            if answer.kept and error.code in _BAD_REQUEST:
                raise DoesNotContinue(self.name) from error
            raise error_of_response(self.name, error.problem, error.code, error.headers, self.endpoint.key) from error
        except EndpointProblem as error:
            raise error_in_answer(self.name, error.problem, self.endpoint.key) from error
        except NotAnAnswer as error:
            raise not_compatible(self.name, str(error)) from error
        except GarbledChunk as error:
            raise malformed_chunk(self.name) from error
        except (EndedEarly, BrokenOff, httpx2.HTTPError) as error:
            raise self._ended_early(answer) from error

    def _ended_early(self, answer: EndpointAnswer) -> Refused:
        return stream_interrupted(self.name) if answer.has_token else stream_without_answer(self.name)
