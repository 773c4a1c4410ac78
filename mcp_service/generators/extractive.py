"""The generator without a model: it quotes the sentences that answer the question."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence

from dynavera.contracts.executions import Usage
from dynavera.contracts.mcp import GivenPassage
from mcp_service.citations import without_citations
from mcp_service.generators.generator import Ask, Ending, FinishReason, Piece, Told
from mcp_service.generators.relevance import scored
from mcp_service.generators.selection import chosen
from mcp_service.generators.sentences import Sentence, sentences_of
from mcp_service.generators.words import WordVectors
from mcp_service.knowledge.embedders import WordLlamaEmbedder
from mcp_service.tokens import tokens_in, words_within

EXTRACTIVE = "extractive"

MOST_READ = 200_000
"""Characters that are read of all passages together, of each its share: more than retrieval ever finds, and 3 s
and 210 MB where every word is another, where 20 whole passages of 64 Ki took 42 s and 1 GB."""

NO_PASSAGES = "There is nothing to answer from: no passages were found, because there are no documents here yet."
NOTHING_FITS = "This was not found in the documents: no sentence of the passages that were found answers the question."
NO_MODEL = (
    "No language model is installed, so answers are quotations; "
    "set DYNAVERA_GENERATOR, for example to openai:<model>, to have them written."
)
CLOSING = f"\n\n{NO_MODEL}"


class Extractive:
    """Quotes, with [n] after each sentence; the same question and passages give the same answer."""

    name = EXTRACTIVE

    def __init__(self, words: WordLlamaEmbedder) -> None:
        # What is enough to answer is measured with these vectors; they are quick, and come with every installation.
        self._vectors = WordVectors(words)

    async def stream(self, ask: Ask) -> AsyncGenerator[Told]:
        """The answer, a sentence at a time; a prefix that is its own beginning is continued."""
        sentences = await asyncio.to_thread(self._chosen, ask)
        pieces, reason = _written(ask, sentences)
        whole = "".join(pieces)
        told = len(ask.prefix) if whole.startswith(ask.prefix) else 0
        end = 0
        for piece in pieces:
            start, end = max(end, told), end + len(piece)
            if start < end:
                yield Piece(start, whole[start:end])
        prompt = [ask.query, ask.instructions, *(passage.text for passage in ask.passages)]
        yield Ending(
            reason,
            Usage(prompt_tokens=sum(tokens_in(text) for text in prompt), completion_tokens=tokens_in(whole)),
        )

    def _chosen(self, ask: Ask) -> list[Sentence]:
        passages = _beginnings(ask.passages)
        return chosen(scored(ask.query, passages, sentences_of(passages), self._vectors))


def _beginnings(passages: Sequence[GivenPassage]) -> list[GivenPassage]:
    """The passages, each cut where its share of what is read ends."""
    share = MOST_READ // max(1, len(passages))
    return [passage.model_copy(update={"text": passage.text[:share]}) for passage in passages]


def _written(ask: Ask, sentences: Sequence[Sentence]) -> tuple[list[str], FinishReason]:
    """The pieces of the answer, in all at most `max_tokens`: a quotation less before the closing sentence goes."""
    said = list(_said(ask, sentences))
    if tokens_in(said[0]) > ask.max_tokens:
        return [_cut(said[0], ask.max_tokens)], "length"
    if tokens_in(said[0] + CLOSING) > ask.max_tokens:
        return said[:1], "length"
    pieces = said[:1]
    for text in said[1:]:
        if tokens_in("".join([*pieces, text, CLOSING])) > ask.max_tokens:
            break
        pieces.append(text)
    return [*pieces, CLOSING], "stop"


def _said(ask: Ask, sentences: Sequence[Sentence]) -> Iterator[str]:
    if not ask.passages:
        yield NO_PASSAGES
    elif not sentences:
        yield NOTHING_FITS
    for number, sentence in enumerate(sentences):
        # A passage's own citations are of its own sources.
        yield f"{' ' if number else ''}{without_citations(sentence.text)} [{sentence.passage}]"


def _cut(text: str, tokens: int) -> str:
    """The beginning of `text`, with its citation where there is room for it."""
    *words, citation = text.split()
    room = words_within(tokens)
    return " ".join([*words[: room - 1], citation] if room > 1 else words[:1])
