import inspect

import pytest

from nbargo_shared import errors
from nbargo_shared.errors import ClusterUnreachableError, InputError, NbargoError, SchemaError

TREE = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, NbargoError)]


@pytest.mark.parametrize("error", TREE)
def test_every_error_is_drawn_in_the_modules_tree(error: type[NbargoError]) -> None:
    assert f" {error.__name__} " in (errors.__doc__ or "") + " "


def test_an_error_is_its_message_and_its_hint() -> None:
    assert (
        str(InputError("The notebook is not there", hint="Save it first")) == "The notebook is not there. Save it first"
    )
    assert str(InputError("The notebook is not there")) == "The notebook is not there"


def test_an_error_knows_whether_waiting_may_help() -> None:
    assert ClusterUnreachableError("Nobody answered").transient
    assert not SchemaError("No table jobs").transient
    assert not ClusterUnreachableError("The address is not a URL", transient=False).transient
