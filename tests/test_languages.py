"""A text's writing tells its language where it can, and says nothing where it cannot."""

import pytest

from bridge import languages


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("안녕하세요. 어제 주문한 Fernhill Ethiopia 250g 원두가 아직 오지 않았습니다.", "ko"),
        ("注文した商品がまだ届いていません。ご確認をお願いいたします。", "ja"),
        ("您好，我上周订购的咖啡还没有收到。请帮我查一下。", "zh"),
        ("Здравствуйте, заказ ещё не пришёл. Order 4711.", "ru"),
        ("Καλημέρα, η παραγγελία δεν έχει έρθει.", "el"),
        ("مرحبا، لم يصل طلبي بعد.", "ar"),
        ("สวัสดีครับ ของที่สั่งยังไม่มาถึง", "th"),
    ],
)
def test_a_writing_that_few_languages_have_tells(text: str, code: str) -> None:
    assert code in languages.of(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12345 !?",
        "Where are my two bags?",
        "Wo bleiben meine Tüten?",
        "Best regards from Seoul, 김민아, and see you there in the spring",
    ],
)
def test_latin_letters_and_single_foreign_names_tell_nothing(text: str) -> None:
    assert languages.of(text) == frozenset()


@pytest.mark.parametrize("written", ["ko", "KO", "ko-KR", "Korean", " korean ", "한국어"])
def test_a_language_is_known_by_whatever_name_it_is_written(written: str) -> None:
    assert (languages.code(written), languages.name(written)) == ("ko", "한국어")


def test_a_language_that_is_not_known_keeps_its_name() -> None:
    assert languages.name("Tlhingan Hol") == "Tlhingan Hol"
    assert languages.code("Tlhingan Hol") == languages.code("tlhingan hol")
