"""Names of the files that training leaves beside a detector; apart, for whoever needs no detector."""

DECISION_FILE = "decision.json"
RUN_FILE = "run.json"
