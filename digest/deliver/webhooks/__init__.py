"""The providers whose webhooks are understood; one more is a module here, its settings, and a line."""

from digest.deliver.webhook import Webhook
from digest.deliver.webhooks import sendgrid, ses

WEBHOOKS: dict[str, Webhook] = {"ses": ses, "sendgrid": sendgrid}
