"""The floors that are programs of their own; run by the watcher's Python, with what the task needs and no more.

`plain.py page-aiohttp|page-http PORT NAMESPACE` reads a list in pages of 500 and parses each page with json.loads;
`plain.py follow PORT NAMESPACE DATABASE` follows a watch with a bare socket and json.loads, and inserts a row into the
`jobs` table for each event, with one commit for whatever has arrived.
"""

import json
import sqlite3
import sys

ROOT = "/apis/argoproj.io/v1alpha1/namespaces"
PAGE = 500


def path(namespace: str, query: str) -> str:
    """Return a request's path."""
    return f"{ROOT}/{namespace}/workflows?{query}"


async def page_aiohttp(port: str, namespace: str) -> None:
    """Read a list with aiohttp."""
    import aiohttp  # noqa: PLC0415 - one floor for each process

    token, count = "", 0
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        while True:
            async with session.get(path(namespace, f"limit={PAGE}&continue={token}")) as response:
                page = json.loads(await response.read())
            count += len(page["items"])
            token = page["metadata"].get("continue")
            if not token:
                break
    print(count)


def page_http(port: str, namespace: str) -> None:
    """Read a list with http.client."""
    import http.client  # noqa: PLC0415 - one floor for each process

    connection = http.client.HTTPConnection("127.0.0.1", int(port))
    token, count = "", 0
    while True:
        connection.request("GET", path(namespace, f"limit={PAGE}&continue={token}"))
        page = json.loads(connection.getresponse().read())
        count += len(page["items"])
        token = page["metadata"].get("continue")
        if not token:
            break
    print(count)


def follow(port: str, namespace: str, database: str) -> None:
    """Follow a watch into a database."""
    import socket  # noqa: PLC0415 - one floor for each process

    rows = sqlite3.connect(database, isolation_level=None, timeout=5)
    insert = (
        "INSERT INTO jobs (job_id, status, runtime_environment_name, input_filename, name, start_time, parameters) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)"
    )
    with socket.create_connection(("127.0.0.1", int(port))) as connection:
        connection.sendall(f"GET {path(namespace, 'watch=true')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        rest = b""
        while block := connection.recv(1 << 18):
            *lines, rest = (rest + block).split(b"\n")
            made = [_row(json.loads(line)) for line in lines if line.startswith(b'{"type"')]
            if made:
                rows.execute("BEGIN IMMEDIATE")
                rows.executemany(insert, made)
                rows.execute("COMMIT")


def _row(event: dict[str, dict[str, dict[str, dict[str, str]]]]) -> tuple[object, ...]:
    item = event["object"]
    record = json.loads(item["metadata"]["annotations"]["nbargo/job"])
    kernel, notebook = record["runtime_environment_name"], record["input_filename"]
    told, parameters = item["status"], json.dumps(record["parameters"])
    return record["job_id"], told["phase"], kernel, notebook, record["name"], told.get("startedAt"), parameters


def main() -> None:
    """Run one of them."""
    name, *arguments = sys.argv[1:]
    if name == "page-aiohttp":
        import asyncio  # noqa: PLC0415 - for this one

        asyncio.run(page_aiohttp(*arguments))
    elif name == "page-http":
        page_http(*arguments)
    else:
        follow(*arguments)


if __name__ == "__main__":
    main()
