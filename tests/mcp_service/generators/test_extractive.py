"""The extractive generator."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from dynavera.contracts.mcp import GivenPassage
from dynavera.contracts.media_types import MARKDOWN
from mcp_service.generators.extractive import MAX_CHARACTERS_READ, NO_MATCH, NO_MODEL, NO_PASSAGES, Extractive
from mcp_service.generators.generator import Finished, GenerationItem, GeneratorInput, TextDelta
from mcp_service.knowledge.embedders import WordLlamaEmbedder
from mcp_service.knowledge.extraction.readers import read
from mcp_service.token_estimates import estimate_tokens

ARTICLES = Path(__file__).parents[3] / "knowledge"


@cache
def extractive() -> Extractive:
    return Extractive(WordLlamaEmbedder())


def article(name: str) -> list[GivenPassage]:
    _, passages, _ = read(MARKDOWN, (ARTICLES / f"{name}.md").read_bytes(), lambda: None)
    return [GivenPassage(text=passage.text, document=name) for passage in passages]


async def collect(
    query: str, passages: Sequence[GivenPassage], max_tokens: int = 200, prefix: str = ""
) -> list[GenerationItem]:
    inputs = GeneratorInput(query, passages, "", max_tokens, 0.2, prefix)
    return [item async for item in extractive().stream(inputs)]


async def answer(query: str, passages: Sequence[GivenPassage], max_tokens: int = 200) -> str:
    return "".join(item.text for item in await collect(query, passages, max_tokens) if isinstance(item, TextDelta))


@pytest.mark.parametrize(
    ("query", "name", "beginning"),
    [
        ("What is fNIRS?", "functional-near-infrared-spectroscopy", "Functional near-infrared spectroscopy (fNIRS) is"),
        ("what's functional near-infrared spectroscopy", "functional-near-infrared-spectroscopy", "Functional near-"),
        ("Can you explain EEG?", "electroencephalography", "Electroencephalography (EEG) is"),
        ("What is the haemodynamic response?", "haemodynamic-response", "The haemodynamic response is the"),
        ("What is the modified Beer-Lambert law?", "modified-beer-lambert-law", "The modified Beer–Lambert law is the"),
    ],
)
async def test_a_what_is_question_is_answered_by_a_definition(query: str, name: str, beginning: str) -> None:
    assert (await answer(query, article(name))).startswith(beginning)


async def test_an_answer_consists_of_quotations() -> None:
    passages = article("motion-artefacts")

    text = await answer("How are motion artefacts corrected?", passages, max_tokens=400)

    quotations = re.findall(r"(.+?) \[(\d+)\]\s*", text.removesuffix(f"\n\n{NO_MODEL}"))
    assert len(quotations) > 1
    for quotation, number in quotations:
        assert quotation in " ".join(passages[int(number) - 1].text.split())


async def test_an_answer_ends_with_how_to_configure_a_model() -> None:
    text = await answer("What is fNIRS?", article("functional-near-infrared-spectroscopy"))

    assert text.endswith(NO_MODEL)
    assert "DYNAVERA_GENERATOR" in NO_MODEL


@pytest.mark.parametrize("query", ["How do I bake a cake?", "Who won the world cup in 1998?", "the of and", "?"])
async def test_an_unanswerable_question_gets_not_found(query: str) -> None:
    text = await answer(query, article("functional-near-infrared-spectroscopy"))

    assert text.splitlines()[0] == NO_MATCH
    assert "not found in the documents" in NO_MATCH
    assert "[" not in text


async def test_without_passages_there_is_nothing_to_answer_from() -> None:
    assert (await answer("What is fNIRS?", [])).splitlines()[0] == NO_PASSAGES


@pytest.mark.parametrize("max_tokens", [1, 2, 5, 20, 60, 100, 200, 1000])
async def test_an_answer_has_at_most_max_tokens_or_one_whole_sentence(max_tokens: int) -> None:
    items = await collect("What is fNIRS?", article("functional-near-infrared-spectroscopy"), max_tokens)

    text = "".join(item.text for item in items if isinstance(item, TextDelta))
    ending = items[-1]
    assert isinstance(ending, Finished)
    assert text.endswith((NO_MODEL, ". [1]"))
    assert estimate_tokens(text) <= max_tokens or text.count("[1]") == 1
    assert ending.finish_reason == ("stop" if text.endswith(NO_MODEL) else "length")
    assert ending.usage.completion_tokens == estimate_tokens(text)


async def test_an_answer_is_streamed_by_sentence() -> None:
    items = await collect("What is fNIRS?", article("functional-near-infrared-spectroscopy"))

    pieces = [item for item in items if isinstance(item, TextDelta)]
    assert len(pieces) > 2
    assert [piece.offset for piece in pieces] == [sum(len(p.text) for p in pieces[:n]) for n in range(len(pieces))]
    assert all(piece.text.endswith("]") for piece in pieces[:-1])


async def test_a_prefix_of_the_same_answer_is_continued_exactly() -> None:
    passages = article("functional-near-infrared-spectroscopy")
    whole = await answer("What is fNIRS?", passages)

    for length in (1, 50, len(whole) // 2, len(whole) - 1, len(whole)):
        items = await collect("What is fNIRS?", passages, prefix=whole[:length])
        pieces = [item for item in items if isinstance(item, TextDelta)]
        assert "".join(piece.text for piece in pieces) == whole[length:]
        assert not pieces or pieces[0].offset == length


async def test_a_foreign_prefix_starts_over() -> None:
    passages = article("functional-near-infrared-spectroscopy")

    items = await collect("What is fNIRS?", passages, prefix="Another model wrote this")

    assert isinstance(items[0], TextDelta)
    assert items[0].offset == 0


async def test_references_headings_tables_and_code_are_not_quoted() -> None:
    text = (
        "# What is fNIRS\n\n| fNIRS | is a | table |\n\n```\nfNIRS is a program here.\n```\n\n"
        "- fNIRS is a method that uses light.\n"
    )
    references = "## References\n\nfNIRS is a review. Journal of fNIRS 1, 2–3.\n"

    written = await answer("What is fNIRS?", [GivenPassage(text=text), GivenPassage(text=references)])

    assert written.startswith("fNIRS is a method that uses light. [1]\n\n")


async def test_repetitions_are_not_quoted() -> None:
    passages = [
        GivenPassage(text="The optode touches the scalp and sends light."),
        GivenPassage(
            text="The optode touches the bare scalp and sends light. A spring presses the optode to the scalp."
        ),
    ]

    written = await answer("How does the optode touch the scalp?", passages)

    assert written.count("sends light") == 1
    assert "A spring presses the optode to the scalp. [2]" in written


async def test_the_best_sentence_comes_first_then_passage_order() -> None:
    passages = [
        GivenPassage(
            text="A spring holds the optode. The cap holds the optode too. The optode is cleaned with alcohol."
        ),
        GivenPassage(text="Clean the cap and each optode with alcohol after use. Dry each optode of the cap."),
    ]

    written = await answer("How is an optode cleaned with alcohol?", passages)

    numbers = [int(number) for number in re.findall(r"\[(\d)\]", written)]
    positions = [written.index(text) for text in ("The optode is cleaned", "Clean the cap")]
    assert written.startswith("The optode is cleaned with alcohol. [1]")
    assert numbers == sorted(numbers)
    assert positions == sorted(positions)


@pytest.mark.parametrize(
    ("query", "beginning"),
    [
        ("What is the price of the device?", "It costs"),
        ("Are babies measured with it?", "Infants"),
        ("Wie sitzen Kinder?", "Kinder"),
        ("機械は何に使うか", "機械は"),
    ],
)
async def test_synonyms_and_other_languages_are_understood(query: str, beginning: str) -> None:
    text = (
        "The cap is black and soft. It costs 20,000 euros with every device. Infants are measured in the evening. "
        "Die Kappe ist schwarz. Kinder sitzen still. 猫は庭で寝る。 機械は測定に使う。"
    )

    assert (await answer(query, [GivenPassage(text=text)])).startswith(beginning)


@pytest.mark.parametrize(
    ("query", "beginning"),
    [
        ("Quand entretient-on la citerne ?", "La citerne de la cour est entretenue"),
        ("Quand lave-t-on les fenetres ?", "Les fenêtres sont lavées"),
        ("Quand nettoie-t-on le bruleur ?", "Le brûleur est nettoyé"),
    ],
)
async def test_words_are_found_in_other_forms_and_without_their_accents(query: str, beginning: str) -> None:
    passages = [
        GivenPassage(text="La citerne de la cour est entretenue chaque automne. Une pompe qui vibre est remplacée."),
        GivenPassage(text="Les sols sont balayés le soir. Les fenêtres sont lavées deux fois par an."),
        GivenPassage(text="Le brûleur est nettoyé en mai. La soupape s'ouvre à trois bars."),
    ]

    assert (await answer(query, passages)).startswith(beginning)


async def test_a_number_does_not_match_another() -> None:
    passages = [GivenPassage(text="The clinic was opened in 1990. The clinic was closed in 1992.")]

    assert (await answer("What of 1992?", passages)).startswith("The clinic was closed in 1992. [1]")
    assert (await answer("What of 1991?", passages)).startswith(NO_MATCH)


async def test_each_passage_is_read_up_to_its_share_of_the_limit() -> None:
    share = MAX_CHARACTERS_READ // 4
    filler = "Nothing of interest is said in this line.\n\n" * (share // 40)
    passages = [
        GivenPassage(text=f"{filler}The lamp of the lighthouse is red."),
        *(GivenPassage(text=filler) for _ in range(2)),
        GivenPassage(text=f"The lamp of the lighthouse is green.\n\n{filler}"),
    ]

    text = await answer("Which colour has the lamp of the lighthouse?", passages)

    assert "green. [4]" in text
    assert "red" not in text.removesuffix(NO_MODEL)
