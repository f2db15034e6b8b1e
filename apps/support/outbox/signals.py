"""What the relay tells whoever wrote a message."""

from django.dispatch import Signal

messages_sent = Signal()
"""The queue has taken them; gets `messages: Sequence[ReservedMessage]`."""

message_failed = Signal()
"""The queue has not taken it; gets `message: ReservedMessage` and `reason: str`. The relay tries again by itself."""
