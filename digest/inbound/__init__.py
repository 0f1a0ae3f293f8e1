"""The room of mail that comes back: doors take it, `receive` keeps it, `route` decides and acts once."""
