"""Sample: the built-in newspaper that the first run collects over real HTTP.

Its city, people and events are invented. It imports nothing of the project: to the service it is a
newspaper like any other.
"""
