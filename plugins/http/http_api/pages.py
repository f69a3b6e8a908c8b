"""The pages of an answer, however the API counts them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import httpx
import jmespath

from lumos_dagster.errors import DataError

from .client import Client, Request, json_of

if TYPE_CHECKING:
    from . import Pagination

Records = list[dict[str, Any]]


def pages_of(client: Client, request: Request, path: str, how: "Pagination | None") -> Iterator[Records]:
    """The records of each page. Raises DataError where there are none at `path`, or where pages never end."""
    if how is None:
        yield _records(json_of(client.get(request)), path, request)
        return
    param = how.param or how.style
    sized = {how.size_param: how.size} if how.size_param else {}
    place: Any = how.first
    request = Request(request.url, request.params | sized)
    while True:
        asked = request
        if how.style in ("page", "offset") or (how.style == "cursor" and place != how.first):
            asked = Request(request.url, request.params | {param: place})
        answer = client.get(asked)
        body = json_of(answer)
        records = _records(body, path, request)
        yield records
        match how.style:
            case "link":
                following = answer.links.get("next", {}).get("url")
                if not following:
                    return
                request = Request(_same_place(answer.url, following, request), {})
            case "cursor":
                before, place = place, jmespath.search(how.next, body)
                if place in (None, "", False):
                    return
                if place == before:
                    raise DataError(f"{request.url}: the cursor at {how.next!r} stays the same: there is no end")
            case _:
                if len(records) < how.size:
                    return
                place += 1 if how.style == "page" else len(records)


def _records(body: Any, path: str, request: Request) -> Records:
    found = jmespath.search(path, body)
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise DataError(f"{request.url}: records: {path!r} finds no list of objects in the answer")
    return cast(Records, found)


def _same_place(asked: httpx.URL, following: str, request: Request) -> str:
    """The next page, if it is of the same server: a token is not for another."""
    url = asked.join(following)
    if (url.scheme, url.host, url.port) != (asked.scheme, asked.host, asked.port):
        raise DataError(f"{request.url}: its next page is at another server, {url.host}")
    if url == asked:
        raise DataError(f"{request.url}: its next page is the same one: there is no end")
    return str(url)
