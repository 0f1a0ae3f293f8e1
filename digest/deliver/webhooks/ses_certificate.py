"""The certificate that Amazon SNS signs with: fetched, chained to an authority the system trusts, kept for a day.

Fetched by `Means.fetch` alone, so through the guarded client. Where the file holds the leaf alone, the issuer is
fetched from the address it names, if that is Amazon's own repository. RFC 5280; the chain is checked by `cryptography`.
"""

import ssl
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from digest.deliver.webhook import Means
from digest.errors import FixSetupError, HookRefusedError

if TYPE_CHECKING:
    from cryptography import x509

_KEPT_FOR = timedelta(days=1)
_KEPT = 8
_REPOSITORY = ".amazontrust.com"
_NAME = "sns.amazonaws.com"
_known: OrderedDict[str, tuple[datetime, "x509.Certificate"]] = OrderedDict()  # only a cache: nothing goes by it


async def fetch(means: Means, url: str) -> "x509.Certificate":
    """Return the certificate at `url`, whose host the caller has checked.

    Raises `HookRefusedError` if it does not lead to a trusted authority, `FixSetupError` where the library is missing.
    """
    try:
        from cryptography import x509
    except ImportError as error:
        raise FixSetupError(
            "HOOK_SES_TOPICS: the library 'cryptography' is missing; install the extra 'dkim'."
        ) from error
    kept = _known.get(url)
    if kept is not None and means.now - kept[0] < _KEPT_FOR:
        return kept[1]
    try:
        chain = x509.load_pem_x509_certificates(await means.fetch(url))
    except ValueError as error:
        raise HookRefusedError("its certificate cannot be read") from error
    leaf, issuers = chain[0], chain[1:]
    if not issuers:
        issuers = await _issuer(means, leaf)
    _check_chain(means, leaf, issuers, urlsplit(url).hostname or "")
    _known[url] = (means.now, leaf)
    if len(_known) > _KEPT:
        _known.popitem(last=False)
    return leaf


async def _issuer(means: Means, leaf: "x509.Certificate") -> "list[x509.Certificate]":
    from cryptography import x509
    from cryptography.x509.oid import AuthorityInformationAccessOID

    try:
        access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    for each in access:
        url = str(each.access_location.value)
        if each.access_method == AuthorityInformationAccessOID.CA_ISSUERS and _is_in_repository(url):
            try:
                return [x509.load_der_x509_certificate(await means.fetch(url))]
            except ValueError:
                return []
    return []


def _is_in_repository(url: str) -> bool:
    split = urlsplit(url)
    return split.scheme in ("http", "https") and (split.hostname or "").endswith(_REPOSITORY)


def _check_chain(means: Means, leaf: "x509.Certificate", issuers: "list[x509.Certificate]", host: str) -> None:
    from cryptography import x509
    from cryptography.x509 import verification

    store = verification.Store([x509.load_der_x509_certificate(each) for each in system_authorities()])
    for name in (_NAME, host):
        builder = verification.PolicyBuilder().store(store).time(means.now)
        try:
            builder.build_server_verifier(x509.DNSName(name)).verify(leaf, issuers)
        except verification.VerificationError as error:
            last = error
        else:
            return
    raise HookRefusedError("its certificate leads to no trusted authority") from last


def system_authorities() -> tuple[bytes, ...]:
    """Return whom this system trusts, as DER."""
    return tuple(ssl.create_default_context().get_ca_certs(binary_form=True))


def forget() -> None:
    """Forget what is kept."""
    _known.clear()
