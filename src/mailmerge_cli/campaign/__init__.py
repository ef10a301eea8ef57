"""*Whether* someone gets mail: rows become a plan, the plan is held against the ledger; never *when*."""
