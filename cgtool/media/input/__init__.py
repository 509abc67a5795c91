"""What unusual sources need before they are read like all others."""
