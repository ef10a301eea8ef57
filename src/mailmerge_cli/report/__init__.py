"""The ledger told to people: result log, its lines, and what a run came to. Nothing here decides anything."""
