from __future__ import annotations

import pytest

from annotation.critic import chat


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(chat, "PAUSES", (0.01,) * 3)
