"""A tag `name=value` of a known name is a setting of the job."""

import pytest

from nbargo_shared.errors import InputError
from nbargo_submitter.options import Scalar
from nbargo_submitter.tagged import with_tags


@pytest.mark.parametrize(
    ("tags", "settings"),
    [
        ([], {}),
        (["weekly", "team=data", "a=b=c", "=", "timeout"], {}),
        (["timeout=2h"], {"timeout": "2h"}),
        ([" retries = 2 ", "cpu=0.5", "memory=4Gi"], {"retries": 2, "cpu": 0.5, "memory": "4Gi"}),
        (["env.REGION=eu=west", "env.ID=007"], {"env.REGION": "eu=west", "env.ID": "007"}),
        (["notify_slack=#reports", "notify_on=failure"], {"notify_slack": "#reports", "notify_on": "failure"}),
        (["timeout="], {"timeout": ""}),
    ],
)
def test_tags_of_known_names_are_settings(tags: list[str], settings: dict[str, Scalar]) -> None:
    assert with_tags({}, tags) == settings


def test_they_come_beside_those_of_the_request() -> None:
    assert with_tags({"retries": 1}, ["timeout=90m"]) == {"retries": 1, "timeout": "90m"}


@pytest.mark.parametrize(
    ("parameters", "tags"), [({"timeout": 60}, ["timeout=90m"]), ({}, ["timeout=60", "timeout=90m"])]
)
def test_one_given_twice_is_an_error(parameters: dict[str, Scalar], tags: list[str]) -> None:
    with pytest.raises(InputError, match="The setting 'timeout' is given twice"):
        with_tags(parameters, tags)
