"""Who keeps a mailbox: the name that recipient domains with the same servers share. Pure.

Limits, slowdowns and pauses hold per provider, because its servers count all their domains together: hanmail.net and
daum.net are one house. The large ones are a table here, under the domain they are known by; of other domains the MX
host tells (`name_for_mx`), looked up twice a day for those with many readers. All others share the empty name, until
one asks us to slow down: then it is a provider under its own name.
"""

OTHERS = ""  # the domains of no large provider, together
OTHERS_NAME = "others"  # how they are called in settings and commands

_DOMAINS: dict[str, tuple[str, ...]] = {
    "naver.com": (),
    "daum.net": ("hanmail.net", "hanmail2.net", "kakao.com"),
    "nate.com": ("empas.com", "lycos.co.kr", "netsgo.com", "cyworld.com"),
    "gmail.com": ("googlemail.com",),
    "outlook.com": ("outlook.kr", "outlook.jp", "hotmail.com", "hotmail.co.kr", "live.com", "live.co.kr", "msn.com"),
    "yahoo.com": ("yahoo.co.kr", "yahoo.co.uk", "yahoo.fr", "yahoo.de", "ymail.com", "rocketmail.com", "aol.com"),
    "yahoo.co.jp": (),
    "icloud.com": ("me.com", "mac.com"),
    "korea.com": (),
    "qq.com": ("foxmail.com",),
    "163.com": ("126.com", "yeah.net"),
}
_HOSTS: dict[str, str] = {
    # The end of a mail server's name -> whose it is. Companies' domains stand behind the same servers.
    "google.com": "gmail.com",
    "googlemail.com": "gmail.com",
    "naver.com": "naver.com",
    "worksmobile.com": "naver.com",
    "daum.net": "daum.net",
    "hanmail.net": "daum.net",
    "kakao.com": "daum.net",
    "nate.com": "nate.com",
    "outlook.com": "outlook.com",
    "hotmail.com": "outlook.com",
    "yahoodns.net": "yahoo.com",
    "yahoo.co.jp": "yahoo.co.jp",
    "icloud.com": "icloud.com",
    "qq.com": "qq.com",
    "163.com": "163.com",
}
_MAX_NAME = 64  # letters of the column
_NAMES = {domain: name for name, others in _DOMAINS.items() for domain in (name, *others)}


def name_for(domain: str) -> str:
    """Return the provider of a recipient domain (lower case, ASCII); `OTHERS` if it is none of the large ones."""
    return _NAMES.get(domain, OTHERS)


def name_for_mx(host: str) -> str:
    """Return whose mail server `host` is; `OTHERS` if it is nobody's we know."""
    labels = host.lower().rstrip(".").split(".")
    ends = (".".join(labels[start:]) for start in range(len(labels)))
    return next((_HOSTS[end] for end in ends if end in _HOSTS), OTHERS)


def large() -> tuple[str, ...]:
    """Return the names of all large providers."""
    return tuple(_DOMAINS)


def own_name(domain: str) -> str:
    """Return the name under which a domain of the others is a provider of its own: itself, its last 64 letters."""
    return domain[-_MAX_NAME:]
