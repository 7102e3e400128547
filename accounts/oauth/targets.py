"""The one site that a request names in ``resource`` (RFC 8707), and the scopes that can be had there."""

from __future__ import annotations

from typing import Any, NoReturn

from oauthlib.oauth2.rfc6749 import errors

from accounts.oauth.places import Place, find_place
from accounts.oauth_scopes import offered_scopes

NO_ACCESS = "The resource must be the URI of one site at which access can be given."  # unknown and foreign: the same


def narrow(wanted: Any, place: Place, application: Any, request: Any) -> frozenset[str]:
    """What was asked for, the role has and is offered to others; ``InvalidScopeError`` when nothing is left."""
    scopes = frozenset(wanted or ()) & place.scopes & frozenset(offered_scopes(application))
    if not scopes:
        raise errors.InvalidScopeError(description="The role at this site holds none of these scopes.", request=request)
    return scopes


def named_resources(request: Any) -> list[str]:
    """Every ``resource`` of the request; oauthlib itself keeps only the last."""
    resource = getattr(request, "resource", None)
    if isinstance(resource, list):
        return resource
    named = [value for key, value in (request.decoded_body or []) if key == "resource"]
    return named or ([resource] if resource else [])


def one_resource(request: Any) -> str:
    named = named_resources(request)
    if len(named) != 1:
        refuse_target(request)
    return named[0]


def place_of(person: Any, resource: str, request: Any, session: Any = None) -> Place:
    place = find_place(person, resource, session)
    if place is None:
        refuse_target(request)
    return place


def refuse_target(request: Any) -> NoReturn:
    raise errors.CustomOAuth2Error("invalid_target", description=NO_ACCESS, request=request)
