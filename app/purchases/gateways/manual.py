"""Bank transfer: staff see the money arrive and approve the payment, or send it back."""

from app.purchases.gateways.protocol import Opened, Order, RefundOrder, RefundStanding, Standing
from app.purchases.models import PaymentStatus, RefundStatus


class ManualGateway:
    """Nothing happens here by itself."""

    is_remote = False

    def open(self, order: Order) -> Opened:  # noqa: ARG002 - the protocol's
        """Nothing to begin."""
        return Opened(None, None)

    def find(self, order: Order) -> str | None:  # noqa: ARG002
        """There are no references."""
        return None

    def standing(self, order: Order) -> Standing:
        """Pending, until staff say otherwise."""
        return Standing(PaymentStatus.PENDING, order.amount, order.currency, None)

    def refund(self, order: Order, refund: RefundOrder) -> RefundStanding:  # noqa: ARG002
        """Staff send the money back: there is nobody to wait for."""
        return RefundStanding(None, RefundStatus.SUCCEEDED, "")
