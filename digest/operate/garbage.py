"""Have Python look for garbage less often, once a process that runs for days has loaded everything.

What a mail leaves behind is freed by its reference counts; looking for cycles all the same, through every module and
template that will never go, took a twentieth of a sender's time (700 new objects a look are a dozen mails). What is
loaded by now is not looked at any more, and a look comes after 20,000.
"""

import gc

_NEW_OBJECTS = 20_000


def look_seldom() -> None:
    """Call it when everything is loaded, before the work begins."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)
