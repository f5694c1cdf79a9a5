"""The words of the design as tables; the invariants stand here and in the migrations as constraints and triggers."""

from annotation.models.comparison import Annotator, Assignment, Comparison, Flag
from annotation.models.critic import CriticRun
from annotation.models.event import Chain, Event, Seal, UnsealedEvent
from annotation.models.judgment import Feedback, Judgment, Retraction, SourceType, WaitingFeedback
from annotation.models.key import ApiKey
from annotation.models.project import GuidelineVersion, Member, Project
from annotation.models.prompt import Candidate, Prompt
from annotation.models.tally import ModelPair, Tally

__all__ = [
    "Annotator",
    "ApiKey",
    "Assignment",
    "Candidate",
    "Chain",
    "Comparison",
    "CriticRun",
    "Event",
    "Feedback",
    "Flag",
    "GuidelineVersion",
    "Judgment",
    "Member",
    "ModelPair",
    "Project",
    "Prompt",
    "Retraction",
    "Seal",
    "SourceType",
    "Tally",
    "UnsealedEvent",
    "WaitingFeedback",
]
