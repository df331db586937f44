"""The options of a request: query parameters and DeleteOptions, checked as a kube-apiserver checks them."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from nbargo_local.api.managedfields import MANAGER_LIMIT, manager_of_user_agent
from nbargo_local.api.objects import Preconditions
from nbargo_local.api.selectors import Selector
from nbargo_local.api.statuses import (
    Cause,
    bad_request,
    forbidden_field,
    internal,
    invalid,
    invalid_value,
    quoted,
    unsupported_value,
)
from nbargo_local.api.store import Propagation

META_GROUP = "meta.k8s.io"

_EXACT, _NOT_OLDER = "Exact", "NotOlderThan"
_MATCH = "resourceVersionMatch"
_VALIDATIONS = ["", "Ignore", "Strict", "Warn"]
_UINT64 = 2**64


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What a list or a watch is asked for.

    Args:
        selector: Which objects.
        watch: Whether this is a watch.
        limit: The objects of one page; 0 for all.
        continue_token: Where the page starts; empty for the first one.
        version: The resourceVersion as it was sent; empty when it was not.
        match: resourceVersionMatch; empty when it was not sent.
        initial_events: sendInitialEvents; None when it was not sent.
        bookmarks: Whether bookmarks may be sent.
        timeout_seconds: When a watch ends; 0 for the server's choice.
    """

    selector: Selector
    watch: bool = False
    limit: int = 0
    continue_token: str = ""
    version: str = ""
    match: str = ""
    initial_events: bool | None = None
    bookmarks: bool = False
    timeout_seconds: int = 0

    @property
    def revision(self) -> int:
        """The resourceVersion as a number; 0 when it is empty or any will do.

        Raises:
            ValueError: It is not a number; the message is a field error.
        """
        return parse_revision(self.version)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How an object is to be written.

    Args:
        manager: The field manager.
        dry_run: Whether only to check.
        validation: What to do with unknown fields: Ignore, Warn or Strict.
    """

    manager: str
    dry_run: bool
    validation: str


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How an object is to be deleted.

    Args:
        preconditions: What must hold.
        propagation: What becomes of the dependents.
        dry_run: Whether only to check.
        accepted_code: The HTTP status when finalizers hold the object: 202 for the old orphanDependents=false.
    """

    preconditions: Preconditions
    propagation: Propagation
    dry_run: bool
    accepted_code: Literal[200, 202]


def parse_revision(text: str) -> int:
    """Read a resourceVersion.

    Args:
        text: As it was sent; may be empty.

    Raises:
        ValueError: It is not a number of 64 bits; the message is that of the real server's field error.
    """
    if text in {"", "0"}:
        return 0
    if not (text.isascii() and text.isdecimal()):
        why = f'strconv.ParseUint: parsing "{text}": invalid syntax'
    elif int(text) >= _UINT64:
        why = f'strconv.ParseUint: parsing "{text}": value out of range'
    else:
        return int(text)
    raise ValueError(f"resourceVersion: {invalid_value('resourceVersion', text, why).message}")


def parse_list_options(query: Mapping[str, str], namespace: str | None) -> ListOptions:
    """Read the parameters of a list, a watch or a deletecollection.

    Args:
        query: The query parameters.
        namespace: The namespace of the path; None for all of them.

    Raises:
        ApiError: 400 for what cannot be read, 422 for what does not go together.
    """
    options = ListOptions(
        Selector.parse(
            namespace,
            labels=query.get("labelSelector", ""),
            fields=query.get("fieldSelector", ""),
        ),
        watch=_flag(query.get("watch")) is True,
        limit=max(_number(query.get("limit")), 0),
        continue_token=query.get("continue", ""),
        version=query.get("resourceVersion", ""),
        match=query.get(_MATCH, ""),
        initial_events=_flag(query.get("sendInitialEvents")),
        bookmarks=_flag(query.get("allowWatchBookmarks")) is True,
        timeout_seconds=max(_number(query.get("timeoutSeconds")), 0),
    )
    causes = _check_watch(options) if options.watch else _check_list(options)
    if causes:
        raise invalid("ListOptions", "", causes, group=META_GROUP)
    return options


def parse_write_options(query: Mapping[str, str], *, verb: str, user_agent: str) -> WriteOptions:
    """Read the parameters of a write.

    Args:
        query: The query parameters; dryRun may be there several times, the last one counts.
        verb: Create, Update or Patch, for the message.
        user_agent: The User-Agent header, which names the manager when nothing else does.

    Raises:
        ApiError: 422, one of them is not valid.
    """
    manager, dry_run = query.get("fieldManager", ""), query.get("dryRun", "")
    validation = query.get("fieldValidation", "")
    causes = [*_check_manager(manager), *_check_dry_run([dry_run] if dry_run else [])]
    if validation not in _VALIDATIONS:
        causes.append(unsupported_value("fieldValidation", validation, _VALIDATIONS))
    if verb == "Patch" and "force" in query:
        causes.append(forbidden_field("force", "may not be specified for non-apply patch"))
    if causes:
        raise invalid(f"{verb}Options", "", causes, group=META_GROUP)
    return WriteOptions(manager or manager_of_user_agent(user_agent), dry_run == "All", validation or "Warn")


def parse_delete_options(query: Mapping[str, str], body: dict[str, Any] | None) -> DeleteOptions:
    """Read the options of a delete: the body's, or the query's when there is no body.

    Args:
        query: The query parameters.
        body: The decoded body; None when there was none.

    Raises:
        ApiError: 400 for what cannot be read, 422 for what is not valid, 500 for a body of another kind.
    """
    if body is None:
        body = {key: query[key] for key in ("propagationPolicy",) if key in query}
        body |= {"dryRun": [query["dryRun"]]} if query.get("dryRun") else {}
        orphan = _flag(query.get("orphanDependents"))
        body |= {"orphanDependents": orphan} if orphan is not None else {}
    elif (kind := body.get("kind", "DeleteOptions")) != "DeleteOptions":
        version = quoted(body.get("apiVersion") or "")
        where = "pkg/runtime/scheme.go:110"  # of the real server's source
        raise internal(f'no kind {quoted(kind)} is registered for version {version} in scheme "{where}"')
    policy, orphan = body.get("propagationPolicy"), body.get("orphanDependents")
    causes = _check_policy(policy, orphan) + _check_dry_run(body.get("dryRun") or [])
    if causes:
        raise invalid("DeleteOptions", "", causes, group=META_GROUP)
    wanted = body.get("preconditions") or {}
    if not isinstance(wanted, dict):
        raise bad_request("json: cannot unmarshal into Go struct field DeleteOptions.preconditions")
    return DeleteOptions(
        Preconditions(uid=wanted.get("uid"), resource_version=wanted.get("resourceVersion")),
        policy or ("Orphan" if orphan else "Background"),
        bool(body.get("dryRun")),
        202 if orphan is False else 200,
    )


def _flag(text: str | None) -> bool | None:
    return None if text is None else text.lower() not in {"0", "false"}


def _number(text: str | None) -> int:
    if text in {None, ""}:
        return 0
    try:
        return int(str(text))
    except ValueError:
        message = f'strconv.ParseInt: parsing "{text}": invalid syntax'
        raise bad_request(message) from None


def _check_list(options: ListOptions) -> list[Cause]:
    causes = []
    match = options.match
    if match and not options.version:
        why = f"{_MATCH} is forbidden unless resourceVersion is provided"
        causes.append(forbidden_field(_MATCH, why))
    if match and options.continue_token:
        why = f"{_MATCH} is forbidden when continue is provided"
        causes.append(forbidden_field(_MATCH, why))
    if match not in {"", _EXACT, _NOT_OLDER}:
        causes.append(unsupported_value(_MATCH, match, [_EXACT, _NOT_OLDER, ""]))
    if match == _EXACT and options.version == "0":
        why = f'{_MATCH} "exact" is forbidden for resourceVersion "0"'
        causes.append(forbidden_field(_MATCH, why))
    if options.initial_events is not None:
        why = "sendInitialEvents is forbidden for list"
        causes.append(forbidden_field("sendInitialEvents", why))
    return causes


def _check_watch(options: ListOptions) -> list[Cause]:
    causes = []
    match = options.match
    if options.initial_events is not None and match != _NOT_OLDER:
        why = f"sendInitialEvents requires setting {_MATCH} to {_NOT_OLDER}"
        causes.append(forbidden_field(_MATCH, why))
    if match and options.initial_events is None:
        why = f"{_MATCH} is forbidden for watch unless sendInitialEvents is provided"
        causes.append(forbidden_field(_MATCH, why))
    if match not in {"", _NOT_OLDER}:
        causes.append(unsupported_value(_MATCH, match, [_NOT_OLDER]))
    if match and options.continue_token:
        why = f"{_MATCH} is forbidden when continue is provided"
        causes.append(forbidden_field(_MATCH, why))
    return causes


def _check_manager(manager: str) -> list[Cause]:
    causes = []
    if len(manager.encode(errors="surrogatepass")) > MANAGER_LIMIT:
        message = f"Too long: may not be more than {MANAGER_LIMIT} bytes"
        causes.append(Cause("FieldValueTooLong", "fieldManager", message))
    for index, each in enumerate(manager):
        if unicodedata.category(each)[0] not in "LMNPS" and each != " ":
            why = f"invalid character U+{ord(each):04X} (at position {index})"
            causes.append(invalid_value("fieldManager", manager, why))
    return causes


def _check_dry_run(values: Any) -> list[Cause]:
    if isinstance(values, list) and all(each == "All" for each in values):
        return []
    return [unsupported_value("dryRun", values, ["All"])]


def _check_policy(policy: Any, orphan: Any) -> list[Cause]:
    causes = []
    if orphan is not None and policy is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        causes.append(invalid_value("propagationPolicy", policy, why))
    if policy is not None and policy not in get_args(Propagation):
        supported = ["Foreground", "Background", "Orphan", "nil"]
        causes.append(unsupported_value("propagationPolicy", policy, supported))
    return causes
