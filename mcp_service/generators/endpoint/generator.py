"""The generator for OpenAI-compatible endpoints: llama.cpp, Ollama, vLLM, hosted ones."""

import logging
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass

import httpx2
from starlette import status

from dynavera.web.errors import Refused
from mcp_service.generator_prompt import Prompt, build_prompt
from mcp_service.generators.endpoint.answer import DoesNotContinue, EndpointAnswer, continued_part
from mcp_service.generators.endpoint.chunks import BrokenOff, Chunk
from mcp_service.generators.endpoint.client import Endpoint, ErrorStatus
from mcp_service.generators.endpoint.dialect import Dialect
from mcp_service.generators.endpoint.errors import (
    answer_interrupted,
    error_in_answer,
    error_of_response,
    malformed_chunk,
    not_compatible,
    stream_interrupted,
    stream_without_answer,
)
from mcp_service.generators.endpoint.probe import PROBES, Probe
from mcp_service.generators.endpoint.problems import EndpointProblem
from mcp_service.generators.endpoint.reading import AnswerReader, EndedEarly, GarbledChunk, NotAnAnswer
from mcp_service.generators.generator import GenerationItem, GeneratorAway, GeneratorInput
from mcp_service.generators.silence_timeout import SilenceLimits, SilenceTimer
from mcp_service.generators.wait_queue import Ticket
from mcp_service.token_estimates import estimate_tokens

_BAD_REQUEST = {status.HTTP_400_BAD_REQUEST, status.HTTP_422_UNPROCESSABLE_CONTENT}

Messages = Sequence[Mapping[str, str]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenAiCompatible:
    """A model behind an OpenAI-compatible endpoint."""

    name: str
    model: str
    endpoint: Endpoint
    silence: SilenceLimits

    @property
    def _dialect(self) -> Dialect:
        return self.endpoint.dialect(self.model)

    async def stream(self, inputs: GeneratorInput) -> AsyncGenerator[GenerationItem]:
        """The answer as the endpoint sends it; closing the stream closes the HTTP connection at once."""
        with self.endpoint.queue.ticket() as ticket:
            async with aclosing(ticket.notes(self.name, self.endpoint.queue_timeout)) as notes:
                async for note in notes:
                    yield note
            async with aclosing(self._answer(inputs, ticket)) as items:
                async for item in items:
                    yield item

    async def _answer(self, inputs: GeneratorInput, ticket: Ticket) -> AsyncGenerator[GenerationItem]:
        """The answer; if the endpoint does not continue after the prefix, it starts over."""
        can_continue = bool(continued_part(inputs.prefix)) and await self._continues(ticket)
        for prefix in (inputs.prefix, "") if can_continue else ("",):
            try:
                async with aclosing(self._attempt(inputs, prefix, ticket)) as items:
                    async for item in items:
                        yield item
            except DoesNotContinue as error:
                logger.info("%s", error)
            else:
                return

    async def _attempt(self, inputs: GeneratorInput, prefix: str, ticket: Ticket) -> AsyncGenerator[GenerationItem]:
        prompt = build_prompt(inputs.query, inputs.passages, inputs.instructions)
        answer = EndpointAnswer(self.name, prefix, begins_with_reasoning=self._dialect.lacks_opening_tag)
        max_tokens = max(1, inputs.max_tokens - estimate_tokens(answer.kept))
        messages = _messages(prompt, answer.kept)
        try:
            async with aclosing(self._chunks(messages, max_tokens, inputs.temperature, answer, ticket)) as chunks:
                async for chunk in chunks:
                    for delta in answer.deltas(chunk):
                        yield delta
        except Refused:
            # After the end of the text only the token usage is missing.
            if answer.finish_reason is None:
                raise
        for delta in answer.rest():
            yield delta
        self._dialect.lacks_opening_tag = self._dialect.lacks_opening_tag or answer.lacks_opening_tag
        self._dialect.sends_finish_reason = self._dialect.sends_finish_reason or answer.finish_reason is not None
        yield answer.finished(answer.finish_reason or "stop", prompt.tokens)

    async def _continues(self, ticket: Ticket) -> bool:
        """Whether the model continues the assistant's last message; probed once."""
        if self._dialect.continues is None:
            results = [await self._passes(probe, ticket) for probe in PROBES]
            self._dialect.continues = all(results)
            logger.info("%s %s an answer.", self.name, "continues" if self._dialect.continues else "does not continue")
        return self._dialect.continues

    async def _passes(self, probe: Probe, ticket: Ticket) -> bool:
        answer = EndpointAnswer(self.name, "")
        text = ""
        try:
            async with aclosing(self._chunks(probe.messages, probe.max_tokens, 0, answer, ticket)) as chunks:
                async for chunk in chunks:
                    for delta in answer.deltas(chunk):
                        text += delta.text
        except DoesNotContinue:
            return False
        return text.startswith(probe.continuation)

    async def _chunks(
        self, messages: Messages, max_tokens: int, temperature: float, answer: EndpointAnswer, ticket: Ticket
    ) -> AsyncGenerator[Chunk]:
        """The chunks of one response; a request is repeated without a parameter that it is refused for.

        Raises:
            DoesNotContinue: the endpoint refuses to continue.
            Refused: it does not answer, or not to the end.
        """
        timer = SilenceTimer(self.name, self.silence)
        with self._translated_errors(answer, ticket):
            while True:
                body = self._dialect.body(self.model, messages, max_tokens, temperature)
                try:
                    with timer.running():
                        response = await self._request(body)
                    async with aclosing(self._read(response, timer)) as chunks:
                        async for chunk in chunks:
                            yield chunk
                except EndpointProblem as error:
                    if not answer.has_token and self._dialect.learn(error.problem, body):
                        logger.info("The endpoint of %r refuses a parameter: %s", self.name, error)
                        continue
                    is_refused = isinstance(error, ErrorStatus) and error.code in _BAD_REQUEST
                    if is_refused and messages[-1]["role"] == "assistant":
                        raise DoesNotContinue(self.name) from error
                    raise
                if answer.finish_reason is None and self._may_be_interrupted(ticket):
                    raise EndedEarly
                return

    async def _read(self, response: httpx2.Response, timer: SilenceTimer) -> AsyncGenerator[Chunk]:
        async with aclosing(response), aclosing(AnswerReader(response).chunks()) as chunks:
            while True:
                with timer.running():
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                if chunk.has_token:
                    timer.restart()
                yield chunk

    async def _request(self, body: Mapping[str, object]) -> httpx2.Response:
        try:
            return await self.endpoint.chat(body)
        except httpx2.HTTPError as error:
            raise GeneratorAway(
                f"The endpoint of {self.name!r} cannot be reached. Is OPENAI_BASE_URL right?"
            ) from error

    def _may_be_interrupted(self, ticket: Ticket) -> bool:
        """Whether an answer that ended without a reason may be incomplete."""
        return self._dialect.sends_finish_reason or not ticket.is_newest

    @contextmanager
    def _translated_errors(self, answer: EndpointAnswer, ticket: Ticket) -> Generator[None]:
        key = self.endpoint.key
        try:
            yield
        except ErrorStatus as error:
            raise error_of_response(self.name, error.problem, error.code, error.headers, key) from error
        except EndpointProblem as error:
            raise error_in_answer(self.name, error.problem, key) from error
        except NotAnAnswer as error:
            raise not_compatible(self.name, str(error)) from error
        except GarbledChunk as error:
            raise malformed_chunk(self.name) from error
        except EndedEarly as error:
            raise self._ended_early(answer, ticket) from error
        except (BrokenOff, httpx2.HTTPError) as error:
            raise self._broken_off(answer) from error

    def _ended_early(self, answer: EndpointAnswer, ticket: Ticket) -> Refused:
        if ticket.is_newest or self.endpoint.queue.capacity == 1:
            return self._broken_off(answer)
        self.endpoint.queue.capacity = 1
        return answer_interrupted(self.name)

    def _broken_off(self, answer: EndpointAnswer) -> Refused:
        return stream_interrupted(self.name) if answer.has_token else stream_without_answer(self.name)


def _messages(prompt: Prompt, kept: str) -> Messages:
    messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
    return [*messages, {"role": "assistant", "content": kept}] if kept else messages
