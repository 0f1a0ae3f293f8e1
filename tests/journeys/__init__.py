"""Whole ways of the mail, as readers and operators live them: real HTTP, a real SMTP server process, both databases."""
