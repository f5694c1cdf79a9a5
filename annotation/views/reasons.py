"""Reasons that are offered for a skip or a flag; people may write their own."""

SKIP_REASONS = (
    "I do not know enough about it",
    "I cannot read the language",
    "It is unpleasant",
    "It does not show properly",
)
FLAG_REASONS = (
    "The prompt makes no sense",
    "A response is cut off",
    "It shows personal data",
    "It is harmful",
)
