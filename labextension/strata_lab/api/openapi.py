"""The OpenAPI document, made from the routes and the models that their endpoints declare."""

import re
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from strata_lab import __version__
from strata_lab.api.endpoint import Answer, Call, Endpoint, endpoint, load
from strata_lab.api.models import ErrorDocument
from strata_lab.api.routes import PREFIX, ROUTES, Route

_EVERYWHERE = (400, 403, 404, 405, 500)
Json = dict[str, Any]


def _schema_name(model: type[BaseModel]) -> Json:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _parameters(route: Route, found: Endpoint, schemas: Json) -> list[Json]:
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    if found.query:
        fields = schemas[found.query.__name__]
        parameters += [
            {"name": name, "in": "query", "required": name in fields.get("required", ()), "schema": schema}
            for name, schema in fields["properties"].items()
        ]
    return parameters


def _operation(route: Route, found: Endpoint, schemas: Json) -> Json:
    media = found.returns if isinstance(found.returns, str) else "application/json"
    content: Json = {media: {"schema": {"type": "string"}}}
    if isinstance(found.returns, type):
        content = {media: {"schema": _schema_name(found.returns)}}
    elif found.returns == "application/json":
        content = {media: {"schema": {"type": "object"}}}
    responses: Json = {str(found.status): {"description": HTTPStatus(found.status).phrase, "content": content}}
    if found.empty:
        responses[str(found.empty)] = {"description": HTTPStatus(found.empty).phrase}
    failures = sorted({*_EVERYWHERE, *found.errors, *((413,) if found.body else ())})
    for status in failures:
        problem = {"application/json": {"schema": _schema_name(ErrorDocument)}}
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    module, _, name = route.endpoint.partition(".")
    operation: Json = {
        "operationId": name,
        "tags": [module],
        "summary": route.summary,
        "parameters": _parameters(route, found, schemas),
        "responses": responses,
    }
    if found.body:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _schema_name(found.body)}},
        }
    return operation


@cache
def document() -> Json:
    """Return the whole document, without the server's address."""
    found = {route: load(route) for route in ROUTES}
    taken = {model for one in found.values() for model in (one.body, one.query) if model}
    sent = {one.returns for one in found.values() if isinstance(one.returns, type)} | {ErrorDocument}
    _, definitions = models_json_schema(
        [
            *((model, "validation") for model in sorted(taken, key=lambda model: model.__name__)),
            *((model, "serialization") for model in sorted(sent, key=lambda model: model.__name__)),
        ],
        ref_template="#/components/schemas/{model}",
    )
    schemas = definitions.get("$defs", {})
    paths: Json = {}
    for route, one in found.items():
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Strata in the lab", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "Authorization"}},
        },
        "security": [{"token": []}],
    }


@endpoint("application/json")
async def openapi_document(call: Call) -> Answer:
    """Send the document, with this server's address in it."""
    return Answer({**document(), "servers": [{"url": f"{call.base_url}{PREFIX}"}]})
