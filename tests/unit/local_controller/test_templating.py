import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbargo_local.controller.templating import TemplateError, quote, replace

VALUES = {"workflow.name": "wf", "a": "1", "b.a": "nested", "quote": 'say "hi"\n\\ ü {{a}}'}


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("{{workflow.name}}", "wf"),
        ("{{ workflow.name }}", "wf"),
        ("x{{a}}y{{a}}z", "x1y1z"),
        ("{{nobody}}", "{{nobody}}"),
        ("}} {a} {{a}}", "}} {a} 1"),
        ("{{quote}}", 'say "hi"\n\\ ü {{a}}'),
        ("{{outer-{{a}}", "{{outer-1"),
        ("no tag", "no tag"),
    ],
)
def test_tags_are_replaced_as_argo_does(text: str, replaced: str) -> None:
    assert replace({"key": [text]}, VALUES) == {"key": [replaced]}


def test_keys_are_replaced_too() -> None:
    assert replace({"{{a}}": 1}, VALUES) == {"1": 1}


@pytest.mark.parametrize("text", ["{{", "{{a}} {{", "f'{{x}'"])
def test_an_open_tag_fails_the_template(text: str) -> None:
    with pytest.raises(TemplateError, match="Cannot find end tag"):
        replace({"source": text}, VALUES)


def test_an_open_tag_in_one_string_swallows_the_next_string() -> None:
    assert replace(["{{x", "y}}"], VALUES) == ["{{x", "y}}"]


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\a", "\v"])
def test_a_control_character_in_a_value_is_more_than_argo_can_substitute(character: str) -> None:
    with pytest.raises(TemplateError, match="invalid JSON"):
        replace("{{a}}", {"a": character})


@given(st.text(alphabet=st.characters(blacklist_categories=("Cc", "Cs", "Cn", "Co", "Cf"))))
def test_any_printable_value_arrives_unchanged(value: str) -> None:
    try:
        assert replace(["{{a}}"], {"a": value}) == [value]
    except TemplateError:
        assert "\\U" in quote(value)
