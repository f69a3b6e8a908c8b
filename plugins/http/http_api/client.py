"""Sends requests, again where it may help, and says what is wrong without showing a secret."""

import email.utils
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import httpx

from lumos_dagster.errors import DataError, TerminalError, TransientError
from lumos_dagster.interface import Task

_BUSY = (408, 425, 429, 500, 502, 503, 504)
_LONGEST_WAIT = 300.0


@dataclass(frozen=True)
class Request:
    """What is asked for next."""

    url: str
    params: dict[str, Any]


class Client(AbstractContextManager["Client"]):
    """One connection to an API. It follows no redirects, which could carry a token elsewhere."""

    def __init__(
        self, headers: dict[str, str], basic: tuple[str, str] | None, timeout: float, retries: int, task: Task
    ) -> None:
        self._http = httpx.Client(headers=headers, auth=basic, timeout=timeout, trust_env=True)
        self._retries, self._task = retries, task

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, request: Request) -> httpx.Response:
        """A good answer. Raises TransientError when the API stays busy, TerminalError when it refuses."""
        where = str(httpx.URL(request.url).copy_with(query=None, userinfo=b""))
        for attempt in range(self._retries + 1):
            self._task.cancellation.check()
            wait = 0.5 * 2**attempt
            try:
                answer = self._http.get(request.url, params=request.params or None)
            except httpx.TransportError as error:
                cause = type(error).__name__
            except httpx.HTTPError as error:
                raise TerminalError(f"{where}: {type(error).__name__}") from None
            else:
                if answer.is_success:
                    return answer
                cause = f"HTTP {answer.status_code} {answer.reason_phrase}".strip()
                if answer.status_code not in _BUSY:
                    raise TerminalError(f"{where}: {cause}")
                wait = _asked_wait(answer.headers.get("Retry-After", ""), wait)
            if attempt < self._retries:
                self._task.log(f"{where}: {cause}; asked again in {wait:g} s")
                self._sleep(wait)
        raise TransientError(f"{where}: {cause}, {self._retries + 1} times")

    def _sleep(self, seconds: float) -> None:
        stopped = threading.Event()
        with self._task.cancellation.interrupting(stopped.set):
            stopped.wait(seconds)
        self._task.cancellation.check()


def json_of(answer: httpx.Response) -> Any:
    """The JSON of an answer. Raises DataError where it is none."""
    try:
        return answer.json()
    except ValueError as error:
        where = answer.url.copy_with(query=None)
        raise DataError(f"{where}: the answer is no JSON: {error}") from None


def _asked_wait(text: str, otherwise: float) -> float:
    """The seconds of a `Retry-After`: a number, or a date."""
    if text.strip().isdigit():
        return min(float(text), _LONGEST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return otherwise
    return min(max(0.0, moment.timestamp() - time.time()), _LONGEST_WAIT)
