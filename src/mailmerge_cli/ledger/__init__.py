"""What has been promised and what came of it: one SQLite file a campaign, its lock, and the quotas of accounts.

The door is `ledger.ledger.Ledger`; `ledger.draft.Draft` holds a plan before it is entered, `ledger.lock` keeps a campaign to
one process, `ledger.quota` counts what an account may still send. Nothing is imported here, so that a command pays only for what it uses.
"""
