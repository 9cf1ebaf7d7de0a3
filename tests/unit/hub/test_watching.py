"""The parts of watching that need no server."""

import pytest
from strata_hub.watching import MAX_RETRY_AFTER, retry_after


class Refusal(Exception):
    def __init__(self, headers: dict[str, str] | None) -> None:
        super().__init__()
        self.headers = headers


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "4"}, 4.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "86400"}, MAX_RETRY_AFTER),
        ({"Retry-After": "4\n"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "Fri, 31 Dec 2027 23:59:59 GMT"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_server_is_left_alone_as_long_as_it_asks_within_reason(
    headers: dict[str, str] | None, seconds: float | None
) -> None:
    assert retry_after(Refusal(headers)) == seconds


def test_an_error_without_headers_asks_for_nothing() -> None:
    assert retry_after(OSError()) is None
