"""The OpenAPI 3.1 description of the API, made from the shapes it answers. A test compares docs/api/openapi.json.

Addresses in it are relative, so it is the same wherever Sightline runs.
"""

from __future__ import annotations

from typing import Any

import msgspec

from accounts.oauth_scopes import OFFERED_SCOPES
from hmi.api import shapes
from hmi.api.alarms import PRIORITIES
from hmi.api.history import DEFAULT_BUCKETS, MODES
from hmi.api.parameters import DEFAULT_LIMIT, MAX_AREA, MAX_CURSOR, MAX_LIMIT
from hmi.api.problems import PROBLEM_JSON, ProblemDetails
from hmi.api.sites import KINDS
from relay_bridge.contract.history import MAX_BUCKETS, MAX_HISTORY_TAGS
from relay_bridge.contract.messages import MAX_ID, MAX_TAGS
from relay_bridge.contract.scopes import SCOPES

VERSION = "1.0"
REF = "#/components/schemas/{name}"
ID = {"type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"}
SLUG = {"type": "string", "minLength": 1, "maxLength": 50, "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"}
SITE_PAGE, ASSET_PAGE = shapes.Page[shapes.Site], shapes.Page[shapes.Asset]

# What may come instead of an answer, at every address; each with the words of RFC 9457.
REFUSALS = {
    "400": "A parameter cannot be used.",
    "401": "No access token, or one that is over.",
    "403": "The token does not hold the scope that is needed here.",
    "404": "There is no such thing, or this token does not open it.",
    "429": "Too many requests; Retry-After says when to ask again, in seconds.",
    "500": "A fault on this side.",
    "503": "The site does not answer, or refused.",
}


def describe() -> dict[str, Any]:
    """The whole description as plain data."""
    _, components = msgspec.json.schema_components(
        [SITE_PAGE, ASSET_PAGE, shapes.Readings, shapes.History, shapes.Alarms, ProblemDetails], ref_template=REF
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sightline read API",
            "version": VERSION,
            "description": "Sites, assets, live values, history and alarms, under one person's own access to one site. "
            "How to get a token: docs/oauth.md. Unknown parameters are refused; unknown fields in answers may be "
            "added.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"sightline": []}],
        "paths": {
            "/sites": {
                "get": _operation("list_sites", "Sites that the token opens", "status:read", SITE_PAGE, _paging())
            },
            "/sites/{site}": {
                "parameters": [_site()],
                "get": _operation("get_site", "One site and its link", "status:read", shapes.Site, []),
            },
            "/sites/{site}/assets": {
                "parameters": [_site()],
                "get": _operation(
                    "list_assets",
                    "Assets with their tags",
                    "data:live",
                    ASSET_PAGE,
                    [
                        _query("area", {"type": "string", "minLength": 1, "maxLength": MAX_AREA}, "Only this area."),
                        _query("kind", {"type": "string", "enum": list(KINDS)}, "Only this kind."),
                        *_paging(),
                    ],
                    etag=True,
                ),
            },
            "/sites/{site}/assets/{asset}": {
                "parameters": [_site(), _path("asset", ID, "The asset's id.")],
                "get": _operation("get_asset", "One asset", "data:live", shapes.Asset, [], etag=True),
            },
            "/sites/{site}/readings": {
                "parameters": [_site()],
                "get": _operation(
                    "list_readings",
                    "Live values, or the last known ones marked stale",
                    "data:live",
                    shapes.Readings,
                    [
                        _tags("Only these tags."),
                        _query("asset", ID, "Only the tags of this asset."),
                        _query("fresh", {"type": "boolean"}, "Read the source now. Counts as five requests."),
                        *_paging(),
                    ],
                ),
            },
            "/sites/{site}/history": {
                "parameters": [_site()],
                "get": _history(),
            },
            "/sites/{site}/alarms": {
                "parameters": [_site()],
                "get": _alarms(),
            },
        },
        "components": {
            "schemas": {name: components[name] for name in sorted(components)},
            "securitySchemes": {"sightline": _security()},
        },
    }


def _operation(
    name: str, summary: str, scope: str, shape: Any, parameters: list[dict[str, Any]], *, etag: bool = False
) -> dict[str, Any]:
    answer = {"description": summary + ".", "content": {"application/json": {"schema": _schema(shape)}}}
    answers: dict[str, Any] = {"200": answer}
    if etag:
        answer["headers"] = {"ETag": {"schema": {"type": "string"}, "description": "Send it as If-None-Match."}}
        answers["304"] = {"description": "You have this content already."}
    return {
        "operationId": name,
        "summary": summary,
        "description": f"Needs the scope `{scope}`.",
        "security": [{"sightline": [scope]}],
        "parameters": parameters,
        "responses": answers | {status: _refusal(words) for status, words in REFUSALS.items()},
    }


def _history() -> dict[str, Any]:
    tags = _tags("Of these tags; one alone for samples.", MAX_HISTORY_TAGS) | {"required": True}
    buckets = {"type": "integer", "minimum": 1, "maximum": MAX_BUCKETS, "default": DEFAULT_BUCKETS}
    cursor = {"type": "string", "minLength": 1, "maxLength": MAX_CURSOR}
    moment = {"type": "string", "format": "date-time"}
    operation = _operation(
        "list_history",
        "Past values: buckets of minimum, maximum and average, or samples",
        "data:history",
        shapes.History,
        [
            tags,
            _query("from", moment, "Inclusive; an hour before `to` when left out. 31 days at most."),
            _query("to", moment, "Exclusive; now when left out."),
            _query("mode", {"type": "string", "enum": list(MODES), "default": MODES[0]}, "What is asked for."),
            _query("buckets", buckets, "At most so many of each tag; their edges are whole multiples of their width."),
            _query("cursor", cursor, "`next_cursor` of the page before, with the same other parameters."),
        ],
    )
    words = "Parameters that do not go together."
    operation["responses"] = dict(sorted((operation["responses"] | {"422": _refusal(words)}).items()))
    operation["description"] += " Counts as five requests."
    return operation


def _alarms() -> dict[str, Any]:
    operation = _operation(
        "list_alarms",
        "Present alarms, or the last known ones marked stale",
        "alarm:read",
        shapes.Alarms,
        [
            _query("area", {"type": "string", "minLength": 1, "maxLength": MAX_AREA}, "Only this area."),
            _query("asset", ID, "Only this asset."),
            _query("priority", {"type": "string", "enum": list(PRIORITIES.values())}, "Only this priority."),
            *_paging(),
        ],
    )
    operation["description"] += " And `data:live`, because the list comes with the stream of values."
    words = "This site has no alarms configured."
    operation["responses"] = dict(sorted((operation["responses"] | {"501": _refusal(words)}).items()))
    return operation


def _schema(shape: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([shape], ref_template=REF)
    return schema


def _refusal(words: str) -> dict[str, Any]:
    return {"description": words, "content": {PROBLEM_JSON: {"schema": _schema(ProblemDetails)}}}


def _path(name: str, schema: dict[str, Any], words: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "description": words, "schema": schema}


def _query(name: str, schema: dict[str, Any], words: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": words, "schema": schema}


def _site() -> dict[str, Any]:
    return _path("site", SLUG, "The site's slug or id.")


def _tags(words: str, most: int = MAX_TAGS) -> dict[str, Any]:
    many = {"type": "array", "items": ID, "minItems": 1, "maxItems": most}
    return _query("tag", many, words + " Repeat it for several.") | {"style": "form", "explode": True}


def _paging() -> list[dict[str, Any]]:
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    cursor = {"type": "string", "minLength": 1, "maxLength": MAX_CURSOR}
    return [
        _query("limit", limit, "Rows of one page."),
        _query("cursor", cursor, "`next_cursor` of the page before."),
    ]


def _security() -> dict[str, Any]:
    scopes = {scope: SCOPES[scope] for scope in OFFERED_SCOPES}
    return {
        "type": "oauth2",
        "description": "Every request for a token names one site in `resource` (RFC 8707). PKCE with S256.",
        "flows": {
            "authorizationCode": {
                "authorizationUrl": "/oauth/authorize/",
                "tokenUrl": "/oauth/token/",
                "refreshUrl": "/oauth/token/",
                "scopes": scopes,
            },
            "clientCredentials": {"tokenUrl": "/oauth/token/", "scopes": scopes},
        },
    }
