"""What the person wrote down: campaign.toml, accounts, providers; and where a secret comes from and is kept."""
