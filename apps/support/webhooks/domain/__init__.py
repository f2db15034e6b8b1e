"""What a webhook is, in plain Python."""
