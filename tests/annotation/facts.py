"""Which tables hold facts, and which hold state and why that is none: every table of the apps stands here once."""

from __future__ import annotations

FACTS = {
    "annotation_candidate",
    "annotation_event",
    "annotation_feedback",
    "annotation_guidelineversion",
    "annotation_judgment",
    "annotation_prompt",
    "annotation_retraction",
    "annotation_seal",
    "exports_recipe",
    "exports_snapshotfile",
}
STATE = {
    "annotation_annotator": "who was seen in a project, and running counts",
    "annotation_apikey": "when it was last used, whether it lives; its making and end are events",
    "annotation_assignment": "a lease goes through states, each an event",
    "annotation_chain": "the head moves with every seal",
    "annotation_comparison": "counts and place in the queue; which outputs it compares is told by an event",
    "annotation_flag": "open until it is resolved, both events",
    "annotation_member": "comes and goes, both events",
    "annotation_criticrun": "an order to a worker and how far it is; what came of it is judgments",
    "annotation_modelpair": "counted out of the log, and can be counted anew",
    "annotation_project": "settings, every change an event",
    "annotation_tally": "how far the log is counted into pairs of models",
    "annotation_unsealedevent": "gone once its event is sealed",
    "annotation_waitingfeedback": "gone once its record is joined; its states are events",
    "exports_delivery": "a message on its way; what it tells is an event",
    "exports_removal": "that files are gone is an event; whether the storage is through with it is state",
    "exports_retention": "a rule, every change an event",
    "exports_schedule": "comes and goes, every change an event",
    "exports_snapshot": "on its way until it has ended; from then on it refuses change by a trigger of its own",
    "exports_snapshotshard": "how far a part of a build is; gone with its attempt",
    "exports_webhook": "comes and goes, both events",
}
