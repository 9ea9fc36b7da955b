"""What happened: the ledger, predictions, tables, resume."""
