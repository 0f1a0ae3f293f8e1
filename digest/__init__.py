"""A newspaper's mail service: collects articles, composes the digest, delivers it over SMTP.

ARCHITECTURE.md describes the rooms of this package and the way of the mail through them.
"""

__version__ = "0.1.0"
