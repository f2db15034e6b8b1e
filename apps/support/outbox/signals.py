"""What the relay tells whoever wrote a message. Receivers get `message: OutboxMessage`."""

from django.dispatch import Signal

message_sent = Signal()
"""The queue has taken the message."""

message_failed = Signal()
"""The queue has not taken the message; also gets `reason: str`. The relay tries again by itself."""
