"""Any OpenAI-compatible endpoint: llama.cpp, Ollama, vLLM, hosted."""

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
from mcp_service.generators.endpoint_answer import EndpointAnswer, NotAnAnswer, NotContinued, check_chunk
from mcp_service.generators.endpoint_errors import breaking_off, broken_off, garbled, not_compatible, refusal_of_status
from mcp_service.generators.generator import Ask, Ending, GeneratorAway, GeneratorUnavailable, Told
from mcp_service.generators.patience import Patience, Silence
from mcp_service.prompt import Prompt, prompt_for
from mcp_service.tokens import tokens_in

CONNECT_SECONDS = 10
LISTING_SECONDS = 1.5
MOST_LISTED = 200

CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}
"""vLLM goes on with the last message only when told so; llama.cpp and Ollama do of themselves."""

EVENT_STREAM = "text/event-stream"

_NOT_UNDERSTOOD = {status.HTTP_400_BAD_REQUEST, status.HTTP_422_UNPROCESSABLE_CONTENT}

logger = logging.getLogger(__name__)


def open_client(settings: Settings) -> openai.AsyncOpenAI:
    """A client of the endpoint; its own retries are off, for they are the workflow's.

    Raises:
        GeneratorUnavailable: there is neither an address nor a key.
    """
    key = settings.openai_api_key
    if settings.openai_base_url is None and key is None:
        raise GeneratorUnavailable(
            "An 'openai:' generator needs an endpoint: set OPENAI_BASE_URL, or OPENAI_API_KEY for the hosted one."
        )
    return openai.AsyncOpenAI(
        # Servers of one's own want no key, and the library wants some text.
        api_key=key.get_secret_value() if key is not None else "none",
        base_url=None if settings.openai_base_url is None else str(settings.openai_base_url),
        max_retries=0,
        # How long a model may be silent is a `Silence`, which a limit of the client's must not undercut.
        timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
    )


async def served_models(client: openai.AsyncOpenAI) -> list[str]:
    """The models that the endpoint says it serves; none while it does not answer."""
    try:
        page = await client.models.list(timeout=LISTING_SECONDS)
    except (openai.APIError, json.JSONDecodeError) as error:
        logger.info("The endpoint does not list its models: %s", type(error).__name__)
        return []
    return [model.id for model in page.data[:MOST_LISTED]]


@dataclass(frozen=True)
class OpenAiCompatible:
    """A model behind an OpenAI-compatible endpoint, streamed."""

    name: str
    model: str
    client: openai.AsyncOpenAI
    silence: Silence

    async def stream(self, ask: Ask) -> AsyncGenerator[Told]:
        """The answer as the endpoint sends it; closing this closes the HTTP stream at once.

        An endpoint that does not go on after the prefix is asked again without it, and the answer starts over.
        """
        for prefix in (ask.prefix, ""):
            try:
                async with aclosing(self._written(ask, prefix)) as told:
                    async for item in told:
                        yield item
            except NotContinued as error:
                logger.info("%s", error)
            else:
                return

    async def _written(self, ask: Ask, prefix: str) -> AsyncGenerator[Told]:
        prompt = prompt_for(ask.query, ask.passages, ask.instructions)
        answer = EndpointAnswer(self.name, prefix)
        try:
            async with aclosing(self._chunks(ask, prompt, answer.kept)) as chunks:
                async for chunk in chunks:
                    for piece in answer.pieces(chunk):
                        yield piece
        except NotAnAnswer as error:
            if not answer.has_begun:
                raise not_compatible(self.name) from error
            if answer.finish_reason is None:
                raise garbled(self.name) from error
        except GeneratorAway:
            # After the last of the text only the endpoint's count of tokens is still to come.
            if answer.finish_reason is None:
                raise
        if answer.finish_reason is None:
            raise broken_off(self.name)
        for piece in answer.last_pieces():
            yield piece
        yield Ending(answer.finish_reason, answer.usage(prompt.tokens))

    async def _chunks(self, ask: Ask, prompt: Prompt, kept: str) -> AsyncGenerator[ChatCompletionChunk]:
        patience = Patience(self.name, self.silence)
        with patience.waiting():
            stream = await self._asked(ask, prompt, kept)
        with breaking_off(self.name):
            async with stream:
                # Whatever else there is at an address, such as a page for browsers, is read as a stream without events.
                is_answer = stream.response.headers.get("content-type", "").startswith(EVENT_STREAM)
                while True:
                    with patience.waiting():
                        chunk = await _next_chunk(stream)
                    if chunk is None and not is_answer:
                        raise NotAnAnswer
                    if chunk is None:
                        return
                    is_answer = True
                    if any(_is_token(choice.delta) for choice in chunk.choices):
                        patience.hears()
                    yield chunk

    async def _asked(self, ask: Ask, prompt: Prompt, kept: str) -> openai.AsyncStream[ChatCompletionChunk]:
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
                max_tokens=max(1, ask.max_tokens - tokens_in(kept)),
                temperature=ask.temperature,
                stream=True,
                stream_options={"include_usage": True},
                extra_body=CONTINUE if kept else None,
            )
        except openai.APIStatusError as error:
            if kept and error.status_code in _NOT_UNDERSTOOD:
                raise NotContinued(self.name) from error
            raise refusal_of_status(self.name, error) from error
        except openai.APIConnectionError as error:
            raise GeneratorAway(
                f"The endpoint of {self.name!r} cannot be reached. Is OPENAI_BASE_URL right?"
            ) from error


async def _next_chunk(stream: openai.AsyncStream[ChatCompletionChunk]) -> ChatCompletionChunk | None:
    """The next part of the answer; None at the end of a stream.

    Raises:
        NotAnAnswer: it is something else.
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
    """A role, or an empty text to keep a line open, is none."""
    # Models that think first send that in fields of their own, such as `reasoning_content`.
    return bool(delta.content) or any((delta.model_extra or {}).values())
