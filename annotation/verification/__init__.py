"""Verifying the log: the chain, all digests and commitments, and that facts have their events and events their facts.

`chain` walks over a chain in batches, `rows` loads the facts that a batch tells of, `checks` says by the kind of an
event what must hold of them, `ends` what must hold of the whole.
"""

from annotation.verification.chain import verify
from annotation.verification.defects import BrokenLogError

__all__ = ["BrokenLogError", "verify"]
