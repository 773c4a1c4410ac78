"""Any OpenAI-compatible endpoint: llama.cpp, Ollama, vLLM, hosted."""

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import openai
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam
from starlette import status

from dynavera.contracts.executions import Usage
from dynavera.settings import Settings
from mcp_service.generators.generator import (
    Ask,
    Ending,
    FinishReason,
    GeneratorAway,
    GeneratorRefused,
    GeneratorUnavailable,
    Piece,
    Told,
)
from mcp_service.prompt import prompt_for
from mcp_service.tokens import tokens_in

CONNECT_SECONDS = 10
SILENCE_SECONDS = 600
"""The longest silence of a model: evaluating a long prompt without a GPU takes minutes."""

RECOGNISED = 24
"""Code points of a continued answer that are looked at before it is believed to be a continuation."""

LONGEST_REASON = 300

_PASSING = {
    status.HTTP_408_REQUEST_TIMEOUT,
    status.HTTP_409_CONFLICT,
    status.HTTP_425_TOO_EARLY,
    status.HTTP_429_TOO_MANY_REQUESTS,
}


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
        timeout=httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
    )


@dataclass(frozen=True)
class OpenAiCompatible:
    """A model behind an OpenAI-compatible endpoint, streamed."""

    name: str
    model: str
    client: openai.AsyncOpenAI

    async def stream(self, ask: Ask) -> AsyncGenerator[Told]:
        """The answer as the endpoint sends it; closing this closes the HTTP stream at once."""
        prompt = prompt_for(ask.query, ask.passages, ask.instructions)
        answer = _Answer(ask.prefix)
        messages: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": prompt.system},
            {"role": "user", "content": prompt.user},
        ]
        if answer.kept:
            messages.append({"role": "assistant", "content": answer.kept})
        with _translated(self.name):
            chunks = await self.client.chat.completions.create(
                model=self.model,
                messages=messages,
                max_tokens=max(1, ask.max_tokens - tokens_in(answer.kept)),
                temperature=ask.temperature,
                stream=True,
                stream_options={"include_usage": True},
            )
            async with chunks:
                async for chunk in chunks:
                    for piece in answer.pieces(chunk):
                        yield piece
        if answer.finish_reason is None:
            raise GeneratorAway(f"The endpoint of {self.name!r} broke off in the middle of the answer.")
        for piece in answer.last_pieces():
            yield piece
        yield Ending(
            answer.finish_reason, answer.usage or Usage(prompt_tokens=prompt.tokens, completion_tokens=answer.chunks)
        )


class _Answer:
    """What has come of an answer, and where it belongs.

    Asked to go on after `kept`, some endpoints do and some answer anew. `kept` is the prefix up to its last whole
    word: what goes on after a word begins with a space or a mark, and an answer anew like the prefix did or with a
    capital letter; in the middle of a word "NIRS" could be either. A few characters are held back until it is seen.
    """

    def __init__(self, prefix: str) -> None:
        kept = _whole_words(prefix)
        # What is shorter cannot be told from an answer anew, and is soon written again.
        self.kept = kept if len(kept.strip()) >= RECOGNISED else ""
        self.finish_reason: FinishReason | None = None
        self.usage: Usage | None = None
        self.chunks = 0
        self._prefix = prefix
        self._held = ""
        self._offset: int | None = None if self.kept else 0

    def pieces(self, chunk: ChatCompletionChunk) -> Generator[Piece]:
        if chunk.usage is not None:
            self.usage = Usage(prompt_tokens=chunk.usage.prompt_tokens, completion_tokens=chunk.usage.completion_tokens)
        for choice in chunk.choices:
            if choice.delta.content:
                self._held += choice.delta.content
                self.chunks += 1
            if choice.finish_reason is not None:
                self.finish_reason = "length" if choice.finish_reason == "length" else "stop"
        if self._offset is not None or len(self._held) >= max(RECOGNISED, len(self._prefix) - len(self.kept)):
            yield from self.last_pieces()

    def last_pieces(self) -> Generator[Piece]:
        if self._offset is None:
            self._offset, self._held = self._recognised()
        if self._held:
            piece = Piece(self._offset, self._held)
            self._offset += len(self._held)
            self._held = ""
            yield piece

    def _recognised(self) -> tuple[int, str]:
        """Where what is held belongs, and what of it is new."""
        if _answers_anew(self.kept, self._held):
            return 0, self._held
        whole = self.kept + self._held
        if whole.startswith(self._prefix):
            return len(self._prefix), whole[len(self._prefix) :]
        # It goes on after `kept`, but otherwise than before.
        return 0, whole


def _whole_words(prefix: str) -> str:
    """`prefix` up to the end of its last word that is surely whole, without the white space after it."""
    stripped = prefix.rstrip()
    if stripped != prefix or not prefix:
        return stripped
    return prefix[: -len(prefix.rsplit(maxsplit=1)[-1])].rstrip()


def _answers_anew(kept: str, beginning: str) -> bool:
    if kept.lstrip()[:RECOGNISED] == beginning.lstrip()[:RECOGNISED]:
        return True
    return beginning[:1].isupper()


@contextmanager
def _translated(name: str) -> Generator[None]:
    try:
        yield
    except openai.APIStatusError as error:
        raise _status_error(name, error) from error
    except openai.APITimeoutError as error:
        raise GeneratorAway(f"The endpoint of {name!r} did not answer in time.") from error
    except openai.APIConnectionError as error:
        raise GeneratorAway(f"The endpoint of {name!r} cannot be reached. Is OPENAI_BASE_URL right?") from error
    except (openai.APIError, httpx2.HTTPError) as error:
        raise GeneratorAway(f"The endpoint of {name!r} broke off in the middle of the answer.") from error


def _status_error(name: str, error: openai.APIStatusError) -> GeneratorRefused | GeneratorAway:
    if error.status_code in (status.HTTP_401_UNAUTHORIZED, status.HTTP_403_FORBIDDEN):
        # Its own words may hold a part of the key.
        return GeneratorRefused(f"The endpoint of {name!r} does not accept the key. Is OPENAI_API_KEY right?")
    said = f"The endpoint of {name!r} answers {error.status_code}: {error.message[:LONGEST_REASON]}"
    if error.status_code in _PASSING or error.status_code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
        return GeneratorAway(said, _retry_after(error.response.headers))
    return GeneratorRefused(said)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "")
    return float(value) if value.isdecimal() and len(value) < 6 else None
