"""What a middleware of ours starts from: it serves sync and async chains alike, and costs no thread under either.

Django's own ``MiddlewareMixin`` has one pair of hooks for both and, under an async chain, runs them in a thread at each
request. Here each kind of chain has its own method.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest


class TwoWayMiddleware(ABC):
    """``get_response`` says which chain it is; in either of the two methods call it once for the rest of the chain."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)  # so that Django awaits it

    def __call__(self, request: HttpRequest) -> Any:
        return self.answer_later(request) if self._is_async else self.answer(request)

    @abstractmethod
    def answer(self, request: HttpRequest) -> Any:
        """The response, in a sync chain."""

    @abstractmethod
    async def answer_later(self, request: HttpRequest) -> Any:
        """The response, in an async chain: whatever blocks goes through ``sync_to_async``."""
