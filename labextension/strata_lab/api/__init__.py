"""The REST interface under ``/strata/api``: a table of routes, one handler, models, and the OpenAPI made from them."""
