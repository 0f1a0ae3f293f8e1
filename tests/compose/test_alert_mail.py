"""The operator's alert: short, English, and not a list."""

from datetime import timedelta

from digest.compose.kinds import alert
from digest.models.alerts import Alert
from tests.compose.making import AT, RENDERER, filled, headers_of, visible
from tests.support.settings import make_settings

SETTINGS = make_settings()
GONE = Alert("source:gaon", "The source answers 404 since yesterday.\nLook at its address.", AT, AT, 1)
REFUSED = Alert("relay", "The relay refuses the login. Check SMTP_USER.", AT, AT + timedelta(hours=2), 12)


def test_subject_names_the_one_matter() -> None:
    """An operator sees on the telephone what it is."""
    mail = alert.compose(RENDERER, SETTINGS, [GONE])
    assert headers_of(mail)["Subject"] == "[가온일보] Needs you: source:gaon"


def test_subject_counts_several_matters() -> None:
    """One mail for all that is due."""
    assert alert.compose(RENDERER, SETTINGS, [GONE, REFUSED]).subject == "[가온일보] 2 matters need you"


def test_both_parts_say_what_since_when_and_how_often() -> None:
    """What to do is in the alert's own text."""
    mail = alert.compose(RENDERER, SETTINGS, [GONE, REFUSED])
    for part in (visible(filled(mail.html)), "".join(filled(mail.text).split())):
        assert "Lookatitsaddress." in part
        assert "TherelayrefusesthelogIn.".lower() in part.lower()
        assert "SinceMon,Nov23,7:00AM,12times,lastMon,Nov23,9:00AM(Asia/Seoul)." in part
        assert "digestalerts" in part


def test_alert_has_neither_list_headers_nor_unsubscribe_link() -> None:
    """D15: nobody subscribed to it, and a link that does nothing would be a lie."""
    mail = alert.compose(RENDERER, SETTINGS, [GONE])
    message = headers_of(mail)
    assert not [name for name in message.keys() if name.startswith("List-")]  # noqa: SIM118  # a message's keys repeat
    assert message["Auto-Submitted"] == "auto-generated"
    assert "/u/" not in filled(mail.html) + filled(mail.text)
    assert b"\0" not in mail.html + mail.text


def test_hostile_text_of_a_server_stays_text() -> None:
    """An alert quotes what foreign servers say."""
    hostile = Alert("relay", "550 <script>x</script> {{ 7*7 }} \0recipient\0\r\n" + "x" * 3000, AT, AT, 1)
    mail = alert.compose(RENDERER, SETTINGS, [hostile])
    assert b"<script" not in mail.html
    assert "550<script>x</script>{{7*7}}" in visible(filled(mail.html))
    assert max(len(line) for part in (mail.text, mail.html) for line in part.split(b"\r\n")) <= 998
