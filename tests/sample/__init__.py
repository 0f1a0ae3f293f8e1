"""The built-in sample newspaper."""
