"""`/privacy`: the privacy policy (개인정보 처리방침, 개인정보 보호법 제30조), the same for everyone.

In: the settings (whose it is, `PRIVACY_OFFICER`, `PROCESSORS`, `PRIVACY_SINCE`), the texts of the two consents, and the
periods of the one table of personal data (`subscribe.personal`), so that the page says what the hourly pass does. Out:
a page in Korean or English. Its sentences tell what this program does with people's data; an operator who does more
with them writes their own `privacy.html` (TEMPLATES_DIR).
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from digest.config import Settings
from digest.subscribe import personal, signup
from digest.subscribe.personal import Topic
from digest.web.templating import Templates


def routes(settings: Settings, templates: Templates) -> list[BaseRoute]:
    """Make the route."""

    async def privacy(request: Request) -> Response:
        language = templates.language_of(request)
        context = {
            "notices": signup.notices(settings, language),
            "kept": {topic.value: personal.told(personal.kept(topic)) for topic in Topic},
        }
        return templates.page("privacy.html", context, language=language)

    return [Route("/privacy", privacy, name="privacy")]
