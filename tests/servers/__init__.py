"""Real servers on this machine, which log every request and every byte: the judges of the ledger."""
