from nbargo_shared.identity import user_label
from nbargo_shared.slugs import slug


def test_the_explicit_name_comes_before_the_hubs() -> None:
    assert user_label({"NBARGO_USER": "alice", "JUPYTERHUB_USER": "bob"}) == "alice"


def test_the_hubs_name_is_slugged() -> None:
    assert user_label({"JUPYTERHUB_USER": "Bob@example.org"}) == slug("Bob@example.org")


def test_an_empty_variable_counts_as_none() -> None:
    assert user_label({"NBARGO_USER": "", "JUPYTERHUB_USER": "bob"}) == "bob"


def test_without_a_hub_it_is_the_login_name() -> None:
    assert user_label({})
