"""report.html: what a run looked at, what that did to its answers, and what it cost, in one file."""
