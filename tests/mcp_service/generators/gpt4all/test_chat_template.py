"""Rendering of chat templates."""

from datetime import UTC, datetime

import pytest

from mcp_service.generators.gpt4all.chat_template import ChatTemplate

CHATML = (
    "{{ bos_token }}{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] | trim }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WITHOUT_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}<start_of_turn>{{ message.role }}\n{{ message.content }}<end_of_turn>\n{% endfor %}"
    "<start_of_turn>model{{ '\n' }}"
)


def test_the_message_is_placed_in_the_template() -> None:
    frame = ChatTemplate(CHATML).frame("Be brief.", "")

    assert frame == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n%1<|im_end|>\n<|im_start|>assistant\n%2"
    )


def test_an_answer_continues_the_prefix() -> None:
    assert ChatTemplate(CHATML).frame("", "Light passes").endswith("<|im_start|>assistant\nLight passes%2")


def test_without_a_system_role_the_instructions_precede_the_question() -> None:
    frame = ChatTemplate(WITHOUT_SYSTEM).frame("Be brief.", "")

    assert frame == "<start_of_turn>user\nBe brief.\n\n%1<end_of_turn>\n<start_of_turn>model\n%2"


@pytest.mark.parametrize(
    "template",
    [
        None,
        "",
        "{% for %}",
        "{{ 1 + messages }}",
        "{{ messages[1].content }}{{ messages[1].content }}",
        "nothing of what is said",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    ],
)
def test_an_unusable_template_is_replaced_by_the_default(template: str | None) -> None:
    frame = ChatTemplate(template).frame("Be brief.", "")

    assert frame == "Be brief.\n\n### Human:\n%1\n\n### Assistant:\n%2"


def test_a_template_can_use_the_date() -> None:
    template = "Today is {{ strftime_now('%Y') }}. {{ messages[0].content }}{{ messages[1].content }}"

    assert ChatTemplate(template).frame("", "").startswith(f"Today is {datetime.now(UTC):%Y}.")


def test_instructions_cannot_contain_placeholders() -> None:
    frame = ChatTemplate(CHATML).frame("Grow by %1 or %2 a year, %3 and 100%.", "%1")

    assert (frame.count("%1"), frame.count("%2")) == (1, 1)
    assert "Grow by % 1 or % 2 a year, %3 and 100%." in frame
