"""`/privacy`: the privacy policy (개인정보 처리방침, 개인정보 보호법 제30조), the same for everyone.

In: the settings (whose it is, `PRIVACY_OFFICER`, `PROCESSORS`, `PRIVACY_SINCE`), the texts of the two consents, and the
periods of the one table of personal data (`subscribe.personal`), so that the page says what the hourly pass does. Out:
a page in Korean or English. Its sentences tell what this program does with people's data; an operator who does more
with them writes their own `privacy.html` (TEMPLATES_DIR).
"""

from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from digest.config import Settings
from digest.subscribe import personal, signup
from digest.subscribe.personal import Topic
from digest.web.templating import Templates

_AN_HOUR = timedelta(hours=1)
_IN_HOURS_UNTIL = timedelta(days=4)


@dataclass(frozen=True, slots=True)
class Period:
    """A period as it is told: 72 hours, 30 days."""

    number: int
    is_hours: bool


def period(kept: timedelta) -> Period:
    """Return how `kept` is told: whole days, the short ones in hours."""
    return Period(kept // _AN_HOUR, True) if kept < _IN_HOURS_UNTIL else Period(kept.days, False)


def routes(settings: Settings, templates: Templates) -> list[BaseRoute]:
    """Make the route."""

    async def privacy(request: Request) -> Response:
        language = templates.language_of(request)
        context = {
            "notices": signup.notices(settings, language),
            "kept": {topic.value: period(personal.kept(topic)) for topic in Topic},
        }
        return templates.page("privacy.html", context, language=language)

    return [Route("/privacy", privacy, name="privacy")]
