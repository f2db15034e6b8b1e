"""
Transactional outbox: enqueue is a row in the caller's commit, sending comes after.

Knows nothing of what is sent. `outbox.add` inside a transaction, `relay` outside of one.
"""
