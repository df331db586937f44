"""`{username}` and the like in the settings of pods."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbargo_shared.errors import ConfigError
from nbargo_submitter.templates import NAMES, filled, misspelt, values

LAB = {"NBARGO_USER": "jane", "JUPYTERHUB_USER": "Jane@example.org", "JUPYTERHUB_SERVER_NAME": "gpu"}
KNOWN = values(LAB, namespace="notebooks")
BRACES = st.text("{}$ab_ \"'\\", max_size=12)
TEXTS = BRACES | st.builds(
    "{}{{{}}}{}".format, BRACES, st.sampled_from(["a", "usrname", "Username", "username "]), BRACES
)
SETTINGS = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("claim-{username}", "claim-jane"),
        ("{username}{username}", "janejane"),
        ("{unescaped_username}", "Jane@example.org"),
        ("{username}-{servername}.{namespace}", "jane-gpu.notebooks"),
        ('{"user": {"name": "{username}"}}', '{"user": {"name": "jane"}}'),
        ("{usrname}", "{usrname}"),
        ("{Username}", "{Username}"),
        ("{ username }", "{ username }"),
        ("${username} $(username)", "${username} $(username)"),
        ("{{username}}", "{{username}}"),
        ("{{workflow.name}} {0} {} {", "{{workflow.name}} {0} {} {"),
    ],
)
def test_the_names_are_replaced_and_nothing_else(text: str, becomes: str) -> None:
    assert filled(text, KNOWN) == becomes


@given(SETTINGS)
def test_without_a_name_a_setting_stays_as_it_is(setting: Any) -> None:
    assert filled(setting, KNOWN) == setting


@given(TEXTS, st.sampled_from(NAMES), TEXTS)
def test_no_name_makes_what_argo_or_kubernetes_would_replace(before: str, name: str, after: str) -> None:
    text = f"{before}{{{name}}}{after}"
    for opening in ("{{", "}}", "$("):
        assert filled(text, KNOWN).count(opening) <= text.count(opening)


def test_texts_in_lists_and_dictionaries_are_filled_and_keys_are_not() -> None:
    setting = {"{username}": [{"claimName": "claim-{username}", "readOnly": True}], "other": ("{username}", 1, None)}
    assert filled(setting, KNOWN) == {
        "{username}": [{"claimName": "claim-jane", "readOnly": True}],
        "other": ["jane", 1, None],
    }


def test_an_unnamed_server_has_an_empty_name_and_without_a_hub_the_user_is_the_label() -> None:
    known = values({"NBARGO_USER": "jane"}, namespace="")
    assert (known["servername"], known["unescaped_username"]) == ("", "jane")
    assert values({"JUPYTERHUB_USER": "Jane@example.org"}, namespace="")["username"] == (
        "jane-example-org--xe7a2c0cdabc16a75"
    )


@pytest.mark.parametrize("user", ["{{workflow.uid}}", "a{", "}b", "$(NBARGO_JOB)", "a\nb", "a\0b"])
def test_a_user_whom_the_cluster_would_change_is_refused_where_the_name_is_used(user: str) -> None:
    known = values({"NBARGO_USER": "jane", "JUPYTERHUB_USER": user}, namespace="")
    assert filled("{username}", known) == "jane"
    with pytest.raises(ConfigError, match=r"\{unescaped_username\}.*Use \{username\}"):
        filled({"OWNER": "{unescaped_username}"}, known)


def test_a_namespace_that_is_not_known_is_asked_for_where_it_is_used() -> None:
    with pytest.raises(ConfigError, match=r"Set c\.ArgoScheduler\.namespace"):
        filled("x.{namespace}", values(LAB, namespace=""))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("claim-{usrname}", [("usrname", "username")]),
        ("{user}", [("user", "username")]),
        ("{user_name}", [("user_name", "username")]),
        ("{escaped_username}", [("escaped_username", "unescaped_username")]),
        ("{user_server}", [("user_server", "servername")]),
        ("{hubnamespace}", [("hubnamespace", "namespace")]),
        ("{username} {x} {0} ${user} {{user}}", []),
        (json.dumps({"a": {"b": 1}}), []),
    ],
)
def test_what_looks_like_a_misspelt_name_is_found(text: str, found: list[tuple[str, str]]) -> None:
    assert list(misspelt([{"value": text}])) == found
