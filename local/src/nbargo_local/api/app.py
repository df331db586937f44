"""The HTTP API of the local Argo: what a kube-apiserver with Argo's CRDs answers, on aiohttp.

It serves workflows and cronworkflows of argoproj.io/v1alpha1, in all namespaces, with the discovery documents and
/version, /readyz, /livez and /healthz.

Not supported, and refused with a 4xx Status: server-side apply; YAML and protobuf bodies; Table and meta.k8s.io/v1beta1
representations; JSON patch paths without a leading slash; a request without a token (a real server may know
anonymous users). Not there at all, with the 404 of an unknown path: every other resource (namespaces among them: an
object may be created in any), subresources, OpenAPI, the old /watch/ paths. There is no admission and no RBAC: the
token may do everything. managedFields in a request's body are ignored, but for the one empty entry that ends the
tracking. The event window also bounds how old the snapshot of a continue token may be.
"""

import hmac
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from nbargo_local.api.bodies import (
    BODY_LIMIT,
    check_unknown,
    check_unknown_patched,
    delete_options,
    json_body,
    patch_body,
    patch_type,
    write_options,
)
from nbargo_local.api.documents import DOCUMENTS
from nbargo_local.api.listing import list_page, read_one
from nbargo_local.api.metadata import finalizer_warnings
from nbargo_local.api.objects import check_address
from nbargo_local.api.options import (
    DeleteOptions,
    parse_list_options,
)
from nbargo_local.api.representation import encode, negotiate
from nbargo_local.api.schema import RESOURCES, Resource
from nbargo_local.api.statuses import (
    API_VERSION,
    GROUP,
    ApiError,
    bad_request,
    method_not_allowed,
    not_found,
    unauthorized,
)
from nbargo_local.api.store import Event, Store
from nbargo_local.api.subscriptions import Subscription
from nbargo_local.api.watch import Watch, WatchSettings

_BASE: Final = f"/apis/{API_VERSION}"
_PLURALS: Final = {resource.plural: resource for resource in RESOURCES}
WATCH_RESPONSE: Final[ContextVar[type[web.StreamResponse]]] = ContextVar("watch response", default=web.StreamResponse)
"""The class of response to use for a watch, for middlewares to set: the seam for faults of streams."""


@dataclass
class Api:
    """The handlers, and what they share.

    Args:
        store: The objects.
        settings: Times and sizes of watches.
    """

    store: Store
    settings: WatchSettings = field(default_factory=WatchSettings)
    watches: set[Subscription[Event]] = field(default_factory=set, init=False)

    async def everywhere(self, request: web.Request) -> web.StreamResponse:
        """Serve a list or watch of all namespaces; nothing else is known there."""
        resource = _PLURALS.get(request.match_info["plural"])
        if resource is None or request.method not in {"GET", "HEAD"}:
            return _nothing_here()
        return await self._list_or_watch(request, resource, None)

    async def collection(self, request: web.Request) -> web.StreamResponse:
        """Serve a namespace's objects of a resource: list, watch, create, deletecollection."""
        resource = _PLURALS.get(request.match_info["plural"])
        if resource is None:
            return _nothing_here()
        namespace = request.match_info["namespace"]
        match request.method:
            case "GET" | "HEAD":
                return await self._list_or_watch(request, resource, namespace)
            case "POST":
                return await self._create(request, resource, namespace)
            case "DELETE":
                return await self._delete_collection(request, resource, namespace)
            case "PUT" | "PATCH":
                raise bad_request("name must be provided")
            case _:
                raise method_not_allowed(resource.plural)

    async def item(self, request: web.Request) -> web.StreamResponse:
        """Serve one object: get, update, patch, delete."""
        resource = _PLURALS.get(request.match_info["plural"])
        if resource is None:
            return _nothing_here()
        address = request.match_info["namespace"], request.match_info["name"]
        match request.method:
            case "GET" | "HEAD":
                return await self._get(request, resource, address)
            case "POST":  # the real server does not look at the path's name either
                return await self._create(request, resource, address[0])
            case "PUT":
                return await self._update(request, resource, address)
            case "PATCH":
                return await self._patch(request, resource, address)
            case "DELETE":
                return await self._delete(request, resource, address)
            case _:
                raise method_not_allowed(resource.plural)

    async def subresource(self, request: web.Request) -> web.StreamResponse:
        """Refuse every subresource, /status among them: Argo's CRDs declare none."""
        resource = _PLURALS.get(request.match_info["plural"])
        if resource is None:
            return _nothing_here()
        raise not_found(resource.plural, request.match_info["name"])

    async def end_watches(self, _: web.Application) -> None:
        """End every watch as at a timeout, for a server that stops."""
        for subscription in tuple(self.watches):
            subscription.close()

    async def _list_or_watch(
        self, request: web.Request, resource: Resource, namespace: str | None
    ) -> web.StreamResponse:
        form = negotiate(request.headers.get("Accept", ""))
        options = parse_list_options(request.query, namespace)
        if options.watch:
            watch = Watch(self.store, resource, options, form, self.settings)
            return await self._watch(request, watch)
        patience = self.settings.patience_seconds
        page = await list_page(self.store, resource, options, patience=patience)
        return _answer(form.many(page, resource))

    async def _watch(self, request: web.Request, watch: Watch) -> web.StreamResponse:
        watch.check()
        response = WATCH_RESPONSE.get()(headers={"Cache-Control": "no-cache, private"})
        response.content_type = "application/json"
        response.enable_chunked_encoding()
        await response.prepare(request)
        with self.store.subscribe(limit=self.settings.backlog) as subscription:
            self.watches.add(subscription)
            try:
                await watch.run(response, subscription)
            finally:
                self.watches.discard(subscription)
        with suppress(ConnectionResetError):  # a client may leave whenever it likes
            await response.write_eof()
        return response

    async def _get(self, request: web.Request, resource: Resource, address: tuple[str, str]) -> web.Response:
        form = negotiate(request.headers.get("Accept", ""))
        version = request.query.get("resourceVersion", "")
        patience = self.settings.patience_seconds
        found = await read_one(self.store, resource, address, version=version, patience=patience)
        if found is None:
            raise not_found(resource.plural, address[1])
        return _answer(form.one(found))

    async def _create(self, request: web.Request, resource: Resource, namespace: str) -> web.Response:
        form = negotiate(request.headers.get("Accept", ""))
        body = await json_body(request, resource.kind)
        options = write_options(request, "Create")
        warnings = check_unknown(body, resource, options)
        created = self.store.create(resource, namespace, body, field_manager=options.manager, dry_run=options.dry_run)
        warnings += finalizer_warnings(created["metadata"], None)
        return _answer(form.one(created), code=201, warnings=warnings)

    async def _update(self, request: web.Request, resource: Resource, address: tuple[str, str]) -> web.Response:
        form = negotiate(request.headers.get("Accept", ""))
        body = await json_body(request, resource.kind)
        options = write_options(request, "Update")
        if isinstance(body.get("metadata"), dict):
            check_address(body["metadata"], address)
        warnings = check_unknown(body, resource, options)
        old = self.store.get(resource, *address)
        updated = self.store.update(resource, *address, body, field_manager=options.manager, dry_run=options.dry_run)
        warnings += finalizer_warnings(updated["metadata"], old and old["metadata"])
        return _answer(form.one(updated), warnings=warnings)

    async def _patch(self, request: web.Request, resource: Resource, address: tuple[str, str]) -> web.Response:
        form = negotiate(request.headers.get("Accept", ""))
        content_type = patch_type(request)
        patch = await patch_body(request, content_type)
        options = write_options(request, "Patch")
        made = self.store.patched(resource, address, patch, content_type=content_type)
        warnings = check_unknown_patched(made, options) if isinstance(made, dict) else []
        old = self.store.get(resource, *address)
        patched = self.store.patch(
            resource,
            *address,
            patch,
            content_type=content_type,
            field_manager=options.manager,
            dry_run=options.dry_run,
        )
        warnings += finalizer_warnings(patched["metadata"], old and old["metadata"])
        return _answer(form.one(patched), warnings=warnings)

    async def _delete(self, request: web.Request, resource: Resource, address: tuple[str, str]) -> web.Response:
        form = negotiate(request.headers.get("Accept", ""))
        options = await delete_options(request)
        left = self._delete_one(resource, address, options)
        if "deletionTimestamp" in left["metadata"]:
            return _answer(form.one(left), code=options.accepted_code)
        details = {
            "name": address[1],
            "group": GROUP,
            "kind": resource.plural,
            "uid": left["metadata"]["uid"],
        }
        return _answer(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": details,
            }
        )

    async def _delete_collection(self, request: web.Request, resource: Resource, namespace: str) -> web.Response:
        form = negotiate(request.headers.get("Accept", ""))
        selection = parse_list_options(request.query, namespace)
        options = await delete_options(request)
        patience = self.settings.patience_seconds
        page = await list_page(self.store, resource, selection, patience=patience)
        for each in page.items:
            address = each["metadata"]["namespace"], each["metadata"]["name"]
            if self.store.get(resource, *address) is not None:
                self._delete_one(resource, address, options)
        return _answer(form.many(page, resource))

    def _delete_one(self, resource: Resource, address: tuple[str, str], options: DeleteOptions) -> dict[str, Any]:
        return self.store.delete(
            resource,
            *address,
            preconditions=options.preconditions,
            propagation=options.propagation,
            dry_run=options.dry_run,
        )


def build_app(
    store: Store,
    *,
    token: str,
    settings: WatchSettings | None = None,
    middlewares: Sequence[Middleware] = (),
) -> web.Application:
    """Make the application.

    Args:
        store: The objects that it serves.
        token: The bearer token that every request must carry.
        settings: Times and sizes of watches; None for those of a kube-apiserver.
        middlewares: aiohttp middlewares (decorated with web.middleware) that see each request first, for faults.
    """
    api = Api(store, settings or WatchSettings())
    app = web.Application(middlewares=[*middlewares, _statuses, _bearer(token)], client_max_size=BODY_LIMIT + 1)
    for path in DOCUMENTS:
        app.router.add_get(path, _document)
    for path in ("/readyz", "/livez", "/healthz"):
        app.router.add_get(path, _ok)
    namespaced = f"{_BASE}/namespaces/{{namespace}}/{{plural}}"
    app.router.add_route("*", f"{_BASE}/{{plural}}", api.everywhere)
    app.router.add_route("*", namespaced, api.collection)
    app.router.add_route("*", f"{namespaced}/{{name}}", api.item)
    app.router.add_route("*", f"{namespaced}/{{name}}/{{rest:.+}}", api.subresource)
    app.on_shutdown.append(api.end_watches)
    return app


@web.middleware
async def _statuses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn refusals into Status bodies, and an unknown path into the real server's plain text."""
    try:
        return await handler(request)
    except ApiError as error:
        seconds = error.retry_after_seconds
        headers = {"Retry-After": str(seconds)} if seconds else {}
        return web.Response(
            body=encode(error.body),
            status=error.code,
            content_type="application/json",
            headers=headers,
        )
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return _nothing_here()


def _bearer(token: str) -> Middleware:
    wanted = f"Bearer {token}".encode()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, wanted):
            raise unauthorized()
        return await handler(request)

    return check


async def _document(request: web.Request) -> web.Response:
    return _answer(DOCUMENTS[request.path])


async def _ok(_: web.Request) -> web.Response:
    return web.Response(text="ok")


def _nothing_here() -> web.Response:
    return web.Response(text="404 page not found\n", status=404)


def _answer(value: dict[str, Any], *, code: int = 200, warnings: Sequence[str] = ()) -> web.Response:
    response = web.Response(body=encode(value), status=code, content_type="application/json")
    for each in warnings:
        escaped = each.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{escaped}"')
    return response
