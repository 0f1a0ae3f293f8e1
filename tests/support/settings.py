"""Settings for tests: complete, small, and local."""

from typing import Any

from digest.config import Settings

SECRET = "a-secret-only-for-tests-0123456789abcdef"


def make_settings(**changes: Any) -> Settings:
    """Return valid settings of a paper called 가온일보, with `changes` (setting names in small letters)."""
    values: dict[str, Any] = {
        "newspaper_name": "가온일보",
        "newspaper_site": "http://127.0.0.1:8000/sample",
        "sender_name": "가온일보 뉴스레터",
        "sender_address": "news@gaon.example",
        "reply_address": "desk@gaon.example",
        "postal_address": "(12345) 가온시 큰길 1, 2층",
        "phone": "02-0000-0000",
        "registration_number": "가온 아00001",
        "publisher": "김가온",
        "editor": "이가온",
        "privacy_officer": "박가온 privacy@gaon.example",
        "secret_key": SECRET,
        "editions": "morning | 아침 소식 | 0 7 * * * | sections=시정,의회,* cutoff=10m deadline=3h",
        **changes,
    }
    return Settings.model_validate(values)
