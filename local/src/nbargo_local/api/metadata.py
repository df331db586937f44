"""What an object's metadata may hold: the rules of Kubernetes' ObjectMeta, for creation and for an update.

Source: k8s.io/apimachinery 0.34 `pkg/api/validation/objectmeta.go` and `pkg/util/validation`. Messages are the real
server's, because users and clients read them.
"""

import re
from collections.abc import Iterable
from typing import Any

from nbargo_local.api.statuses import Cause, forbidden_field, invalid_value, quoted, required

ANNOTATIONS_LIMIT = 256 * 1024
"""Bytes of all annotation keys and values together."""

_IMMUTABLE = ("name", "namespace", "uid", "deletionTimestamp", "deletionGracePeriodSeconds")
_STANDARD_FINALIZERS = {"kubernetes", "orphan", "foregroundDeletion"}
_LABEL_VALUE_LIMIT = 63
_SUBDOMAIN_LIMIT = 253
_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = _DNS_LABEL + r"(\." + _DNS_LABEL + ")*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED})?"

_ALNUM_RULE = "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
_SUBDOMAIN_ERROR = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'example.com', "
    f"regex used for validation is '{_SUBDOMAIN}')"
)
_DNS_LABEL_ERROR = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "
    f"regex used for validation is '{_DNS_LABEL}')"
)
_QUALIFIED_ERROR = (
    f"must consist of {_ALNUM_RULE} (e.g. 'MyName',  or 'my.name',  or '123-abc', "
    f"regex used for validation is '{_QUALIFIED}')"
)
_LABEL_VALUE_ERROR = (
    f"a valid label must be an empty string or consist of {_ALNUM_RULE} (e.g. 'MyValue',  or "
    f"'my_value',  or '12345', regex used for validation is '{_LABEL_VALUE}')"
)


def subdomain_errors(value: str) -> list[str]:
    """Say why a value is not an RFC 1123 subdomain, the rule for the names of custom resources."""
    errors = []
    if len(value) > _SUBDOMAIN_LIMIT:
        errors.append(f"must be no more than {_SUBDOMAIN_LIMIT} characters")
    if not re.fullmatch(_SUBDOMAIN, value):
        errors.append(_SUBDOMAIN_ERROR)
    return errors


def dns_label_errors(value: str) -> list[str]:
    """Say why a value is not an RFC 1123 label, the rule for a namespace's name."""
    errors = []
    if len(value) > _LABEL_VALUE_LIMIT:
        errors.append(f"must be no more than {_LABEL_VALUE_LIMIT} characters")
    if not re.fullmatch(_DNS_LABEL, value):
        dotted = re.fullmatch(_SUBDOMAIN, value)
        errors.append("must not contain dots" if dotted else _DNS_LABEL_ERROR)
    return errors


def qualified_name_errors(value: str) -> list[str]:
    """Say why a value is not `name` or `prefix/name`, the rule for the keys of labels."""
    *prefixes, name = value.split("/")
    if len(prefixes) > 1:
        tail = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a qualified name {_QUALIFIED_ERROR}{tail}"]
    errors = []
    if prefixes == [""]:
        errors.append("prefix part must be non-empty")
    elif prefixes:
        errors.extend(f"prefix part {each}" for each in subdomain_errors(prefixes[0]))
    if not name:
        errors.append("name part must be non-empty")
    elif len(name) > _LABEL_VALUE_LIMIT:
        errors.append(f"name part must be no more than {_LABEL_VALUE_LIMIT} characters")
    if not re.fullmatch(_QUALIFIED, name):
        errors.append(f"name part {_QUALIFIED_ERROR}")
    return errors


def label_value_errors(value: str) -> list[str]:
    """Say why a value is not a label's value."""
    errors = []
    if len(value) > _LABEL_VALUE_LIMIT:
        errors.append(f"must be no more than {_LABEL_VALUE_LIMIT} characters")
    if not re.fullmatch(_LABEL_VALUE, value):
        errors.append(_LABEL_VALUE_ERROR)
    return errors


def check_metadata(metadata: dict[str, Any]) -> list[Cause]:
    """Check what holds for the metadata of every object.

    Args:
        metadata: The object's metadata, with its final name and namespace.

    Returns:
        One cause for each rule that is broken.
    """
    return [
        *_check_names(metadata),
        *_check_labels(metadata.get("labels") or {}),
        *_check_annotations(metadata.get("annotations") or {}),
        *_check_owners(metadata.get("ownerReferences") or []),
        *_check_finalizers(metadata.get("finalizers") or []),
    ]


def check_metadata_update(new: dict[str, Any], old: dict[str, Any]) -> list[Cause]:
    """Check what an update may not change, and again what may have changed.

    A broken rule is found by both checks, and so is told more than once, as by the real server.

    Args:
        new: The metadata to be stored; fields that the server sets have been filled in.
        old: The metadata of the stored object.

    Returns:
        One cause for each rule that is broken.
    """
    causes = []
    if "deletionTimestamp" in old:
        extra = set(new.get("finalizers") or []) - set(old.get("finalizers") or [])
        if extra:
            found = ", ".join(quoted(each) for each in sorted(extra))
            why = (
                "no new finalizers can be added if the object is being deleted, "
                f"found new finalizers []string{{{found}}}"
            )
            causes.append(forbidden_field("metadata.finalizers", why))
    causes.extend(
        invalid_value(f"metadata.{field}", new.get(field), "field is immutable")
        for field in _IMMUTABLE
        if new.get(field) != old.get(field)
    )
    return [
        *causes,
        *_check_labels(new.get("labels") or {}),
        *_check_annotations(new.get("annotations") or {}),
        *_check_owners(new.get("ownerReferences") or []),
    ]


def finalizer_warnings(new: dict[str, Any], old: dict[str, Any] | None) -> list[str]:
    """Warn of finalizers that any other program may also choose.

    Args:
        new: The metadata that were stored.
        old: Those before; None for a creation.
    """
    added = {*new.get("finalizers", ())} - {*(old or {}).get("finalizers", ())}
    why = "prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers"
    return [
        f"metadata.finalizers: {quoted(each)}: {why}"
        for each in sorted(added - _STANDARD_FINALIZERS)
        if "/" not in each
    ]


def _check_names(metadata: dict[str, Any]) -> Iterable[Cause]:
    prefix = metadata.get("generateName") or ""
    if prefix:
        # A trailing dash is what a generated suffix makes valid.
        masked = prefix[:-1] + "a" if prefix.endswith("-") and len(prefix) > 1 else prefix
        for error in subdomain_errors(masked):
            yield invalid_value("metadata.generateName", prefix, error)
    name = metadata.get("name") or ""
    if not name:
        yield required("metadata.name", "name or generateName is required")
    else:
        for error in subdomain_errors(name):
            yield invalid_value("metadata.name", name, error)
    for error in dns_label_errors(metadata["namespace"]):
        yield invalid_value("metadata.namespace", metadata["namespace"], error)


def _check_labels(labels: dict[str, str]) -> Iterable[Cause]:
    for key, value in labels.items():
        for error in qualified_name_errors(key):
            yield invalid_value("metadata.labels", key, error)
        for error in label_value_errors(value):
            yield invalid_value("metadata.labels", value, error)


def _check_annotations(annotations: dict[str, str]) -> Iterable[Cause]:
    for key in annotations:
        for error in qualified_name_errors(key.lower()):
            yield invalid_value("metadata.annotations", key, error)
    texts = (text for entry in annotations.items() for text in entry)
    size = sum(len(text.encode(errors="surrogatepass")) for text in texts)
    if size > ANNOTATIONS_LIMIT:
        message = f"Too long: may not be more than {ANNOTATIONS_LIMIT} bytes"
        yield Cause("FieldValueTooLong", "metadata.annotations", message)


def _check_owners(owners: list[dict[str, Any]]) -> Iterable[Cause]:
    controllers = [owner for owner in owners if owner.get("controller") is True]
    for owner in owners:
        path = "metadata.ownerReferences"
        if not owner.get("apiVersion"):
            yield invalid_value(f"{path}.apiVersion", "", "version must not be empty")
        for field in ("kind", "name", "uid"):
            if not owner.get(field):
                yield invalid_value(f"{path}.{field}", "", "must not be empty")
    if len(controllers) > 1:
        names = [f"{each.get('kind')}/{each.get('name')}" for each in controllers]
        why = (
            'Only one reference can have Controller set to true. Found "true" in references for '
            f"{names[0]} and {names[1]}"
        )
        yield invalid_value("metadata.ownerReferences", owners, why)


def _check_finalizers(finalizers: list[str]) -> Iterable[Cause]:
    for each in finalizers:
        for error in qualified_name_errors(each):
            yield invalid_value("metadata.finalizers", each, error)
    if {"orphan", "foregroundDeletion"} <= set(finalizers):
        why = "finalizer orphan and foregroundDeletion cannot be both set"
        yield invalid_value("metadata.finalizers", finalizers, why)
