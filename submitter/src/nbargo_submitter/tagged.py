"""Settings of a job that are written as tags.

The lab's form has no fields for a time limit, retries or messages, but one for tags, under *Additional options*. So a
tag such as `timeout=2h` is read as the setting of that name. Every other tag is the user's own, also with an `=`.
"""

from collections.abc import Iterable, Mapping

from nbargo_shared.errors import InputError
from nbargo_submitter.options import ENV_PREFIX, KEYS, Scalar


def with_tags(parameters: Mapping[str, Scalar], tags: Iterable[str]) -> dict[str, Scalar]:
    """Return the settings of a job with those that are written as tags.

    Args:
        parameters: The job's `runtime_environment_parameters`.
        tags: Its tags.

    Raises:
        InputError: A setting is given twice.
    """
    settings = dict(parameters)
    for tag in tags:
        name, given, value = (part.strip() for part in tag.partition("="))
        if not given or not (name in KEYS or name.startswith(ENV_PREFIX)):
            continue
        if name in settings:
            raise InputError(f"The setting '{name[:80]}' is given twice", hint="Leave one of the two, or remove a tag")
        settings[name] = value if name.startswith(ENV_PREFIX) else _scalar(value)
    return settings


def _scalar(text: str) -> Scalar:
    """Return a tag's value in the type that jupyter-scheduler makes of a setting's: a number where it is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
