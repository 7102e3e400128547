"""Refusals of the API as problem details (RFC 9457): one shape for every error, never a trace or an address."""

from __future__ import annotations

import msgspec
from django.http import HttpResponse

PROBLEM_JSON = "application/problem+json"


class ProblemDetails(msgspec.Struct, frozen=True):
    """``type`` names the kind of problem for programs; ``detail`` says in a sentence what to do about this one."""

    type: str
    title: str
    status: int
    detail: str


class Problem(Exception):  # noqa: N818 - an answer, not a fault
    """Raise it anywhere below a view of the API. ``headers`` go with the answer."""

    def __init__(self, kind: str, status: int, title: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.details = ProblemDetails(f"urn:sightline:problem:{kind}", title, status, detail)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> HttpResponse:
        body = msgspec.json.encode(self.details)
        response = HttpResponse(body, status=self.details.status, content_type=PROBLEM_JSON)
        for name, value in self.headers.items():
            response[name] = value
        # Django writes a line, for 501 and 503 an error, for each refusal: whoever asks would fill the log.
        response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - Django's own mark for it
        return response


def bad_parameter(detail: str) -> Problem:
    return Problem("bad-parameter", 400, "A parameter cannot be used", detail)


def not_found() -> Problem:
    """The same for what does not exist and for what this person may not see."""
    return Problem("not-found", 404, "Not found", "There is no such thing, or this token does not open it.")


def no_such_page() -> Problem:
    """A cursor that is made up, or of a list that has changed since."""
    detail = "This cursor is not of this list as it is now. Begin again without one."
    return Problem("no-such-page", 404, "There is no such page", detail)


def too_many(wait: int) -> Problem:
    return Problem(
        "too-many-requests", 429, "Too many requests", f"Ask again in {wait} s, and less often.", Retry_After=str(wait)
    )


def unreachable(detail: str) -> Problem:
    return Problem("site-unreachable", 503, "The site does not answer", detail, Retry_After="5")


def not_served(detail: str) -> Problem:
    return Problem("not-served", 501, "Not served by this site yet", detail)


def not_allowed() -> Problem:
    return Problem("method-not-allowed", 405, "Method not allowed", "This API only reads: use GET.", Allow="GET, HEAD")


def not_stored(detail: str = "") -> Problem:
    """``detail`` when the audit trail takes no events; without one the database itself fails."""
    kind = "not-recorded" if detail else "not-stored"
    words = detail or "The database does not answer or takes no changes at the moment. Ask again later."
    return Problem(kind, 503, "Not done", words, Retry_After="30")


def internal() -> Problem:
    return Problem("internal", 500, "Something is wrong here", "The fault is on this side and was logged.")
