"""Every test of the pages begins without anything cached: numbers of rows come again in each new test database."""

import pytest
from django.conf import settings
from django.core.cache import caches


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    for name in settings.CACHES:
        caches[name].clear()
