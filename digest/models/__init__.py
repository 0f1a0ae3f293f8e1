"""The records that pass between the rooms.

Frozen values without behaviour beyond what can be derived from their own fields. A record that only one room needs
lives in that room. All times are aware UTC; days and hours of the newspaper are reckoned from its own zone by those
who need them. The words are those of the glossary in ARCHITECTURE.md.
"""
