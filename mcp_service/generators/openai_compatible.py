"""The generator for OpenAI-compatible endpoints: llama.cpp, Ollama, vLLM, hosted ones."""

import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import httpx2
import openai
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam
from openai.types.chat.chat_completion_chunk import ChoiceDelta
from starlette import status

from dynavera.settings import Settings
from mcp_service.generator_prompt import Prompt, build_prompt
from mcp_service.generators.endpoint_answer import DoesNotContinue, EndpointAnswer, NotAnAnswer, check_chunk
from mcp_service.generators.endpoint_errors import (
    malformed_chunk,
    not_compatible,
    refusal_of_status,
    stream_interrupted,
    translate_stream_errors,
)
from mcp_service.generators.generator import (
    Finished,
    GenerationItem,
    GeneratorAway,
    GeneratorInput,
    GeneratorUnavailable,
)
from mcp_service.generators.silence_timeout import SilenceLimits, SilenceTimer
from mcp_service.tokens import estimate_tokens

CONNECT_TIMEOUT_SECONDS = 10
LIST_TIMEOUT_SECONDS = 1.5
MAX_LISTED_MODELS = 200

CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}
"""vLLM continues the last message only with these parameters; llama.cpp and Ollama do by default."""

EVENT_STREAM = "text/event-stream"

_BAD_REQUEST = {status.HTTP_400_BAD_REQUEST, status.HTTP_422_UNPROCESSABLE_CONTENT}

logger = logging.getLogger(__name__)


def open_client(settings: Settings) -> openai.AsyncOpenAI:
    """A client for the endpoint, without its own retries: the workflow retries.

    Raises:
        GeneratorUnavailable: neither an address nor a key is set.
    """
    key = settings.openai_api_key
    if settings.openai_base_url is None and key is None:
        raise GeneratorUnavailable(
            "An 'openai:' generator needs an endpoint: set OPENAI_BASE_URL, or OPENAI_API_KEY for the hosted one."
        )
    return openai.AsyncOpenAI(
        # Self-hosted servers need no key, but the library requires a value.
        api_key=key.get_secret_value() if key is not None else "none",
        base_url=None if settings.openai_base_url is None else str(settings.openai_base_url),
        max_retries=0,
        # `SilenceLimits` are the only read timeout.
        timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_SECONDS),
    )


async def served_models(client: openai.AsyncOpenAI) -> list[str]:
    """The models that the endpoint lists; none while it does not answer."""
    try:
        page = await client.models.list(timeout=LIST_TIMEOUT_SECONDS)
    except (openai.APIError, json.JSONDecodeError) as error:
        logger.info("The endpoint did not list its models: %s", type(error).__name__)
        return []
    return [model.id for model in page.data[:MAX_LISTED_MODELS]]


@dataclass(frozen=True)
class OpenAiCompatible:
    """A model behind an OpenAI-compatible endpoint."""

    name: str
    model: str
    client: openai.AsyncOpenAI
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
            async with aclosing(self._chunks(inputs, prompt, answer.kept)) as chunks:
                async for chunk in chunks:
                    for delta in answer.deltas(chunk):
                        yield delta
        except NotAnAnswer as error:
            if not answer.has_started:
                raise not_compatible(self.name) from error
            if answer.finish_reason is None:
                raise malformed_chunk(self.name) from error
        except GeneratorAway:
            # After the end of the text only the token usage is missing.
            if answer.finish_reason is None:
                raise
        if answer.finish_reason is None:
            raise stream_interrupted(self.name)
        for delta in answer.flush():
            yield delta
        yield Finished(answer.finish_reason, answer.usage(prompt.tokens))

    async def _chunks(self, inputs: GeneratorInput, prompt: Prompt, kept: str) -> AsyncGenerator[ChatCompletionChunk]:
        timer = SilenceTimer(self.name, self.silence)
        with timer.running():
            stream = await self._request(inputs, prompt, kept)
        with translate_stream_errors(self.name):
            async with stream:
                # The library reads other content, such as an HTML page, as a stream without events.
                is_answer = stream.response.headers.get("content-type", "").startswith(EVENT_STREAM)
                while True:
                    with timer.running():
                        chunk = await _next_chunk(stream)
                    if chunk is None and not is_answer:
                        raise NotAnAnswer
                    if chunk is None:
                        return
                    is_answer = True
                    if any(_is_token(choice.delta) for choice in chunk.choices):
                        timer.restart()
                    yield chunk

    async def _request(
        self, inputs: GeneratorInput, prompt: Prompt, kept: str
    ) -> openai.AsyncStream[ChatCompletionChunk]:
        messages: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": prompt.system},
            {"role": "user", "content": prompt.user},
        ]
        if kept:
            messages.append({"role": "assistant", "content": kept})
        try:
            return await self.client.chat.completions.create(
                model=self.model,
                messages=messages,
                max_tokens=max(1, inputs.max_tokens - estimate_tokens(kept)),
                temperature=inputs.temperature,
                stream=True,
                stream_options={"include_usage": True},
                extra_body=CONTINUE if kept else None,
            )
        except openai.APIStatusError as error:
            if kept and error.status_code in _BAD_REQUEST:
                raise DoesNotContinue(self.name) from error
            raise refusal_of_status(self.name, error) from error
        except openai.APIConnectionError as error:
            raise GeneratorAway(
                f"The endpoint of {self.name!r} cannot be reached. Is OPENAI_BASE_URL right?"
            ) from error


async def _next_chunk(stream: openai.AsyncStream[ChatCompletionChunk]) -> ChatCompletionChunk | None:
    """The next chunk of the answer; None at the end of the stream.

    Raises:
        NotAnAnswer: it is not a chunk of an answer.
    """
    try:
        chunk = await anext(stream)
    except StopAsyncIteration:
        return None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise NotAnAnswer from error
    check_chunk(chunk)
    return chunk


def _is_token(delta: ChoiceDelta) -> bool:
    """Whether the delta has text: a role or an empty keep-alive is not a token."""
    # Reasoning models stream their reasoning in other fields, such as `reasoning_content`.
    return bool(delta.content) or any((delta.model_extra or {}).values())
