"""Subscribe: how readers come, change their choices, and leave."""
