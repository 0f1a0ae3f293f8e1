"""What a page reads out of a posted form: single texts, never files, and shown again only on one line."""

from starlette.datastructures import FormData

SHOWN_LETTERS = 254  # as long as an address may be


def text_of(posted: FormData, name: str) -> str:
    """Return the text of a field; empty if it is missing, or a file."""
    value = posted.get(name, "")
    return value if isinstance(value, str) else ""


def texts_of(posted: FormData, name: str) -> list[str]:
    """Return the texts of all fields of that name."""
    return [value for value in posted.getlist(name) if isinstance(value, str)]


def on_one_line(text: str) -> str:
    """Return what was typed on one line, whatever cannot be seen as a mark: it stays wrong and comes back visibly."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text.strip()[: SHOWN_LETTERS + 1])


def visible(text: str) -> str:
    """Return what was typed over several lines, likewise; what joins the parts of a picture (👨‍👩‍👧) stays."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char if char.isprintable() or char in "\n\u200d" else "\ufffd" for char in lines)
