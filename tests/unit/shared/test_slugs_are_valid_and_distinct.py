import re

from hypothesis import given
from hypothesis import strategies as st

from nbargo_shared.slugs import MAX_LENGTH, slug

LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")

# Surrogates too: a user name may come from bytes that are not UTF-8.
ANY_NAME = st.text(st.characters(), max_size=90)


@given(ANY_NAME)
def test_a_slug_is_a_label_value_for_any_string(name: str) -> None:
    value = slug(name)
    assert LABEL_VALUE.fullmatch(value)
    assert len(value) <= MAX_LENGTH


@given(ANY_NAME, ANY_NAME)
def test_different_names_have_different_slugs(one: str, other: str) -> None:
    assert (slug(one) == slug(other)) == (one == other)


@given(ANY_NAME)
def test_a_slug_never_collides_with_the_name_it_was_made_from(name: str) -> None:
    value = slug(name)
    assert value == name or slug(value) != value


def test_a_name_that_is_a_slug_already_is_kept() -> None:
    assert slug("alice") == "alice"
    assert slug("alice---1f2e3d4c") == "alice---1f2e3d4c"  # as JupyterHub labels a pod


def test_case_and_punctuation_do_not_make_two_users_one() -> None:
    names = ["Alice", "alice", "al.ice", "al-ice", "al_ice", "alice ", "", "-", "--"]
    assert len({slug(name) for name in names}) == len(names)


def test_a_slug_stays_readable() -> None:
    assert slug("jane@example.org").startswith("jane-example-org--x")
