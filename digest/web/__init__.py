"""Web: the pages for readers and operators."""
