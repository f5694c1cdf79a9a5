"""Every test of the pages begins without anything cached: numbers of rows come again in each new test database."""

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()
