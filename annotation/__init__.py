"""What comes in and is judged: prompts, candidates, comparisons, the queue, judgments and the log."""
