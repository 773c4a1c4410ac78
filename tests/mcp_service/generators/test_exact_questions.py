"""Questions whose small words, numbers, codes and names decide which sentence answers them."""

import pytest

from dynavera.contracts.mcp import GivenPassage
from mcp_service.generators.extractive import CLOSING, NO_MATCH, Extractive
from mcp_service.generators.generator import GeneratorInput, TextDelta
from mcp_service.generators.sentence_codes import assign_codes
from mcp_service.generators.sentences import split_sentences
from mcp_service.generators.tokens import is_code, shape_of, tokenize
from mcp_service.knowledge.embedders import WordLlamaEmbedder

EXTRACTIVE = Extractive(WordLlamaEmbedder())

VALVES = "Valve V-1 is allowed in the cellar.\n\nValve V-2 is not allowed in the cellar."
ALARMS = (
    "Alarm AL-310 means that the tank is empty. Fill it with oil.\n\n"
    "Alarm AL-311 means that it is hot. Fit fuse FU-9-B."
)
DOSES = "Dogs under 20 kg get 5 mg of the medicine. Dogs over 20 kg get 10 mg of the medicine."


async def answer(query: str, *passages: str | GivenPassage) -> str:
    given = [passage if isinstance(passage, GivenPassage) else GivenPassage(text=passage) for passage in passages]
    items = EXTRACTIVE.stream(GeneratorInput(query, given, "", 400, 0.2))
    return "".join([item.text async for item in items if isinstance(item, TextDelta)]).removesuffix(CLOSING)


@pytest.mark.parametrize(
    ("query", "passage", "expected"),
    [
        ("Which valve is not allowed in the cellar?", VALVES, "Valve V-2 is not allowed in the cellar. [1]"),
        ("Which valve isn't allowed in the cellar?", VALVES, "Valve V-2 is not allowed in the cellar. [1]"),
        ("Which valve is allowed in the cellar?", VALVES, "Valve V-1 is allowed in the cellar. [1]"),
        ("Is valve V-2 allowed in the cellar?", VALVES, "Valve V-2 is not allowed in the cellar. [1]"),
        ("Who never cooks?", "Ann cooks on Fridays.\n\nTom never cooks on Fridays.", "Tom never cooks on Fridays. [1]"),
        (
            "Which lamp works without a battery?",
            "Lamp L-1 works with a battery.\n\nLamp L-2 works without a battery.",
            "Lamp L-2 works without a battery. [1]",
        ),
        (
            "What must be done after mowing the lawn?",
            "Before mowing the lawn, check the oil.\n\nAfter mowing the lawn, clean the blade.",
            "After mowing the lawn, clean the blade. [1]",
        ),
        (
            "What may be copied except photographs?",
            "Photographs may be copied.\n\nAll except photographs may be copied.",
            "All except photographs may be copied. [1]",
        ),
        ("Who can only read?", "Admins can read and write. Guests can only read.", "Guests can only read. [1]"),
        (
            "Which gates are open at night?",
            "The east gates are open at night.\n\nThe west gates are closed at night.",
            "The east gates are open at night. [1]",
        ),
        (
            "Wo darf man nicht rauchen?",
            "Im Garten darf man rauchen.\n\nIm Keller darf man nicht rauchen.",
            "Im Keller darf man nicht rauchen. [1]",
        ),
        (
            "Où ne faut-il pas fumer ?",
            "Il faut fumer au jardin.\n\nIl ne faut pas fumer dans la cave.",
            "Il ne faut pas fumer dans la cave. [1]",
        ),
        ("哪个窗不能打开?", "东窗能打开。\n\n西窗不能打开。", "西窗不能打开。 [1]"),
        (
            "どの窓は開けてはいけない?",
            "東の窓は開けてよい。\n\n西の窓は開けてはいけない。",
            "西の窓は開けてはいけない。 [1]",
        ),
    ],
)
async def test_words_that_turn_the_meaning_decide(query: str, passage: str, expected: str) -> None:
    assert await answer(query, passage) == expected


async def test_the_opposite_is_not_an_answer() -> None:
    assert await answer("Which valve is not allowed in the cellar?", "Valve V-1 is allowed in the cellar.") == NO_MATCH


@pytest.mark.parametrize(
    ("query", "passage", "expected"),
    [
        ("Which fuse do I fit for AL-311?", ALARMS, "Fit fuse FU-9-B. [1]"),
        ("What do I fill in for al 310?", ALARMS, "Fill it with oil. [1]"),
        ("For which alarm do I fit FU-9-B?", ALARMS, "Alarm AL-311 means that it is hot. [1] Fit fuse FU-9-B. [1]"),
        (
            "What do I do for error 12?",
            "Error 11 means no paper. Add paper.\n\nError 12 means no ink. Change the ink.",
            "Error 12 means no ink. [1]",
        ),
        ("What must I do for K-7?", "## K-6\n\nDrain the pump.\n\n## K-7\n\nVent the pump.", "Vent the pump. [1]"),
        ("What do dogs over 20 kg get?", DOSES, "Dogs over 20 kg get 10 mg of the medicine. [1]"),
        (
            "What did it cost in 2011?",
            "It cost 5 euros in 2010. It cost 6 euros in 2011.",
            "It cost 6 euros in 2011. [1]",
        ),
        (
            "What is in 5 ml?",
            "A pill has 5 mg of iron. There is 1 mg of iron in 5 ml.",
            "There is 1 mg of iron in 5 ml.",
        ),
        (
            "What is the limit of the small plan?",
            "The large plan has a limit of 100 users. The small plan has a limit of 5 users.",
            "The small plan has a limit of 5 users. [1]",
        ),
        (
            "What does Dr. Adams advise?",
            "Dr. Brown advises rest.\n\nDr. Adams advises sport.",
            "Dr. Adams advises sport. [1]",
        ),
    ],
)
async def test_what_belongs_to_the_code_number_or_name_comes_first(query: str, passage: str, expected: str) -> None:
    written = await answer(query, passage)

    assert written.startswith(expected)
    other = [
        sentence.text for sentence in split_sentences([GivenPassage(text=passage)]) if sentence.text not in written
    ]
    assert other


@pytest.mark.parametrize(
    ("query", "passage"),
    [
        ("Which fuse do I fit for AL-312?", ALARMS),
        ("What do dogs over 25 kg get?", DOSES),
        ("What does Dr. Clark advise?", "Dr. Brown advises rest.\n\nDr. Adams advises sport."),
        ("Who is Paula Brown?", "Peter Brown is the cook. Paula Adams is the driver."),
        ("Wer ist Frau Krause?", "Frau Adler ist die Köchin."),
        ("What did it cost in 2012?", "It cost 5 euros in 2010. It cost 6 euros in 2011."),
        ("What is new in v3.0?", "Version 2.0 has a dark mode. Version 2.1 has a search."),
    ],
)
async def test_a_code_number_or_name_that_no_passage_has_is_not_found(query: str, passage: str) -> None:
    assert await answer(query, passage) == NO_MATCH


async def test_a_sentence_of_a_passage_without_the_name_is_not_quoted() -> None:
    query = "On which port does PostgreSQL listen?"

    assert await answer(query, "The web server listens on port 80.", "PostgreSQL keeps the records.") == NO_MATCH
    found = await answer(query, "PostgreSQL keeps the records. It listens on port 5432.")
    assert found.startswith("It listens on port 5432. [1]")


async def test_a_code_in_the_headings_above_or_in_the_document_name_counts() -> None:
    above = GivenPassage(text="## Repair\n\nVent the pump with care.", heading="Pump K-7 › Repair")
    named = GivenPassage(text="Vent the pump with care.", document="pumps/K-7.md")

    assert await answer("How do I vent the pump K-7?", above) == "Vent the pump with care. [1]"
    assert await answer("How do I vent the pump K-7?", named) == "Vent the pump with care. [1]"
    assert await answer("How do I vent the pump K-8?", above, named) == NO_MATCH


@pytest.mark.parametrize(
    "query",
    [
        "What Colour Has The Garden Gate?",
        "WHAT COLOUR HAS THE GARDEN GATE?",
        "I'm looking for the colour of Miller's garden gate.",
        "Which colour has the garden gate of the Millers?",
        "Which ID has the garden gate, and which colour?",
    ],
)
async def test_capital_letters_alone_are_no_names(query: str) -> None:
    assert (await answer(query, "The garden gate of Miller has a green colour.")).endswith("green colour. [1]")


async def test_how_much_to_answer_is_not_a_number_of_the_documents() -> None:
    assert (await answer("Name 3 fruits of the garden.", "The fruits of the garden are plums and pears.")) != NO_MATCH


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("ERR-4022", ["err4022", "err", "4022"]),
        ("Err_4022", ["err4022", "err", "4022"]),
        ("ERR 4022", ["err", "err4022", "4022"]),
        ("PX–722‑E", ["px722e", "px", "722", "e"]),
        ("v1.2.3", ["v1-2-3", "v1", "2", "3"]),
        ("top_k", ["top-k", "top", "k"]),
        ("1,000 and 1'000 and 0,5", ["1000", "and", "1000", "and", "0.5"]),
        ("5 mg, 5mg, 5 milligrams", ["5", "5mg", "mg", "5", "5mg", "mg", "5", "5mg", "milligrams"]),
        ("It can't and isn't.", ["it", "can", "NOT", "and", "is", "NOT"]),
        ("not only this, no. 5", ["this", "5"]),
        ("soft\u00adhyphen ﬁle", ["softhyphen", "file"]),
    ],
)
def test_tokens_are_the_same_however_they_are_written(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


@pytest.mark.parametrize(
    ("code", "shape"), [("err4022", "err9"), ("px722e", "px9a"), ("2024-05-01", "999"), ("n170", "n9")]
)
def test_codes_of_a_series_have_one_shape(code: str, shape: str) -> None:
    assert is_code(code)
    assert shape_of(code) == shape


def test_a_sentence_without_a_code_is_about_the_code_before_it() -> None:
    def codes(*names: str) -> frozenset[str]:
        return frozenset(names)

    assert assign_codes([[codes("e1"), codes("p7")], [codes("e2"), codes()]], codes()) == [
        [codes("e1", "p7"), codes("e1", "p7")],
        [codes("e2"), codes("e2")],
    ]
    assert assign_codes([[codes()], [codes("e1")], [codes()]], codes("e9")) == [
        [codes("e9")],
        [codes("e1")],
        [codes("e1")],
    ]
    assert assign_codes([[codes("e1"), codes("p1"), codes("e2"), codes("p2")]], codes()) == [
        [codes("e1", "p1"), codes("e1", "p1"), codes("e2", "p2"), codes("e2", "p2")]
    ]
