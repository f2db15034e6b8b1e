"""Outgoing webhooks: every event of a tenant, sent to addresses that its owner has given."""
