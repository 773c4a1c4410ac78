"""A generator without a language model: it quotes the sentences that answer the question."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence

from dynavera.contracts.executions import FinishReason, Usage
from dynavera.contracts.mcp import GivenPassage
from mcp_service.citation_filter import strip_citations
from mcp_service.generators.generator import Finished, GenerationItem, GeneratorInput, TextDelta
from mcp_service.generators.relevance import score_sentences
from mcp_service.generators.selection import select_sentences
from mcp_service.generators.sentences import Sentence, split_sentences
from mcp_service.generators.words import WordVectors
from mcp_service.knowledge.embedders import WordLlamaEmbedder
from mcp_service.token_estimates import estimate_tokens

EXTRACTIVE = "extractive"

MAX_CHARACTERS_READ = 200_000
"""Characters read of all passages together, each an equal share: more than retrieval ever returns. It takes 3 s and
210 MB where all words differ; 20 whole passages of 64 Ki took 42 s and 1 GB."""

NO_PASSAGES = "There is nothing to answer from: no passages were found. Add documents to the agent's collection."
NO_MATCH = "This was not found in the documents: no sentence of the passages that were found answers the question."
NO_MODEL = (
    "No language model is configured, so answers are quotations; "
    "set DYNAVERA_GENERATOR, for example to openai:<model>, to change that."
)
CLOSING = f"\n\n{NO_MODEL}"


class Extractive:
    """Quotes sentences, each with its citation [n]; deterministic."""

    name = EXTRACTIVE

    def __init__(self, wordllama: WordLlamaEmbedder) -> None:
        # The relevance threshold was tuned with these vectors; they are fast, and every installation has them.
        self._vectors = WordVectors(wordllama)

    async def stream(self, inputs: GeneratorInput) -> AsyncGenerator[GenerationItem]:
        """The answer, sentence by sentence; a prefix of the same answer is continued."""
        sentences = await asyncio.to_thread(self._select, inputs)
        pieces, reason = _fit(inputs, sentences)
        whole = "".join(pieces)
        known = len(inputs.prefix) if whole.startswith(inputs.prefix) else 0
        end = 0
        for piece in pieces:
            start, end = max(end, known), end + len(piece)
            if start < end:
                yield TextDelta(start, whole[start:end])
        prompt = [inputs.query, inputs.instructions, *(passage.text for passage in inputs.passages)]
        yield Finished(
            reason,
            Usage(
                prompt_tokens=sum(estimate_tokens(text) for text in prompt), completion_tokens=estimate_tokens(whole)
            ),
        )

    def _select(self, inputs: GeneratorInput) -> list[Sentence]:
        passages = _truncate(inputs.passages)
        return select_sentences(score_sentences(inputs.query, passages, split_sentences(passages), self._vectors))


def _truncate(passages: Sequence[GivenPassage]) -> list[GivenPassage]:
    """The passages, each truncated to its share of `MAX_CHARACTERS_READ`."""
    share = MAX_CHARACTERS_READ // max(1, len(passages))
    return [passage.model_copy(update={"text": passage.text[:share]}) for passage in passages]


def _fit(inputs: GeneratorInput, sentences: Sequence[Sentence]) -> tuple[list[str], FinishReason]:
    """The parts of the answer within `max_tokens`: quotations are dropped before the closing sentence is.

    The first one is never cut."""
    quotations = list(_quotations(inputs, sentences))
    if estimate_tokens(quotations[0] + CLOSING) > inputs.max_tokens:
        return quotations[:1], "length"
    pieces = quotations[:1]
    for text in quotations[1:]:
        if estimate_tokens("".join([*pieces, text, CLOSING])) > inputs.max_tokens:
            break
        pieces.append(text)
    return [*pieces, CLOSING], "stop"


def _quotations(inputs: GeneratorInput, sentences: Sequence[Sentence]) -> Iterator[str]:
    if not inputs.passages:
        yield NO_PASSAGES
    elif not sentences:
        yield NO_MATCH
    for number, sentence in enumerate(sentences):
        # Citations in a passage refer to its own sources.
        yield f"{' ' if number else ''}{strip_citations(sentence.text)} [{sentence.passage}]"
