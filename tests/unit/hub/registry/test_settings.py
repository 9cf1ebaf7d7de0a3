from typing import Any

import pytest
from pydantic import ValidationError
from strata_hub.registry import RegistrySettings


def test_the_defaults_are_careful() -> None:
    settings = RegistrySettings()
    assert (settings.scheme, settings.allowed_realms, settings.platform) == ("https", (), "linux/amd64")
    assert settings.page_size == 1000
    assert settings.max_concurrency <= 16


@pytest.mark.parametrize(
    "document",
    [
        {"shceme": "http"},
        {"scheme": "ftp"},
        {"proxy": "http://proxy:3128"},
        {"platform": "amd64"},
        {"allowed_realms": ["https://auth.example.org/token"]},
        {"allowed_realms": ["user@auth.example.org"]},
        {"allowed_realms": ["*"]},
        {"page_size": 1001},
        {"page_size": 0},
        {"max_concurrency": 0},
        {"max_concurrency": 1000},
        {"requests_per_second": 0},
        {"request_timeout": -1},
        {"retries": 11},
        {"limits": {"pages": 0}},
        {"limits": {"page": 1}},
        {"scheme": "http", "ca_file": "/etc/ca.pem"},
    ],
)
def test_a_setting_that_is_unknown_or_senseless_is_refused(document: Any) -> None:
    with pytest.raises(ValidationError):
        RegistrySettings.model_validate(document)


def test_realms_are_compared_in_lower_case() -> None:
    assert RegistrySettings(allowed_realms=("Auth.Example.org:5001",)).allowed_realms == ("auth.example.org:5001",)
