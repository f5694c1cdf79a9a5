"""What all tests of this app share."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no failure.
settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")
