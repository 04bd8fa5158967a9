"""Payment gateways: one protocol, and its implementations."""

from flask import Flask, current_app

from app.config import Settings
from app.purchases.gateways.manual import ManualGateway
from app.purchases.gateways.protocol import Gateway
from app.purchases.models import PaymentMethod

DISPLAY_NAMES = {
    PaymentMethod.STRIPE: "Credit or debit card",
    PaymentMethod.MANUAL: "Bank transfer",
}


def init_app(app: Flask, settings: Settings) -> None:
    """Set up the gateways that are configured."""
    gateways: dict[PaymentMethod, Gateway] = {PaymentMethod.MANUAL: ManualGateway()}
    if settings.stripe_secret_key:
        # Imported only here: the library takes a fifth of the start-up time of every command.
        from app.purchases.gateways.stripe import StripeGateway  # noqa: PLC0415

        gateways[PaymentMethod.STRIPE] = StripeGateway(settings.stripe_secret_key, settings.stripe_api_base)
    app.extensions["gateways"] = gateways


def configured() -> dict[PaymentMethod, Gateway]:
    """The configured gateways."""
    gateways: dict[PaymentMethod, Gateway] = current_app.extensions["gateways"]
    return gateways
