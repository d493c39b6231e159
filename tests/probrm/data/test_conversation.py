from __future__ import annotations

from probrm.data import Conversation


def test_equal_conversations_are_one_key():
    a = Conversation((("user", "hi"),), "hello")
    assert {a, Conversation((("user", "hi"),), "hello")} == {a}
    assert a != Conversation("hi", "hello")


def test_a_single_user_message_groups_with_the_same_text():
    assert Conversation((("user", "hi"),), "a").prompt_text == Conversation("hi", "b").prompt_text == "hi"


def test_a_longer_chat_keeps_who_said_what():
    one = Conversation((("system", "be brief"), ("user", "hi")), "a")
    other = Conversation((("user", "be brief"), ("user", "hi")), "a")
    assert one.prompt_text == "system: be brief\n\nuser: hi"
    assert one.prompt_text != other.prompt_text


def test_prompt_messages_of_text_and_chat():
    assert Conversation("hi", "a").prompt_messages == [{"role": "user", "content": "hi"}]
    assert Conversation((("system", "s"), ("user", "u")), "a").prompt_messages == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
    ]
