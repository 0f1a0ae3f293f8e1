"""Measurements of the delivery engine. How to run them, and what they showed, is in README.md beside this file."""
