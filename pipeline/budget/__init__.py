"""One budget for a whole archive: who gets how much of it, and what has been spent."""
