"""Bank transfers: staff approve payments when the money arrives, and send refunds."""

from app.purchases.gateways.protocol import Opened, Order, RefundOrder, RefundStanding, Returns, Standing
from app.purchases.models import PaymentStatus
from app.purchases.return_models import RefundStatus


class ManualGateway:
    """A gateway without a remote side: staff decide on every payment."""

    is_remote = False

    def open(self, order: Order) -> Opened:  # noqa: ARG002 - the protocol's
        """Do nothing: the payer transfers the money to the bank account of the seller."""
        return Opened(None, None)

    def find(self, order: Order) -> str | None:  # noqa: ARG002
        """Return None: there are no references."""
        return None

    def standing(self, order: Order) -> Standing:
        """Return pending: staff decide on the payment."""
        return Standing(PaymentStatus.PENDING, order.amount, order.currency, None)

    def cancel(self, order: Order) -> Standing:
        """Return cancelled: nobody else has to know."""
        return Standing(PaymentStatus.CANCELLED, order.amount, order.currency, None)

    def returns(self, order: Order) -> Returns:  # noqa: ARG002
        """Return nothing: all that goes back is known here."""
        return Returns()

    def refund(self, order: Order, refund: RefundOrder) -> RefundStanding:  # noqa: ARG002
        """Return succeeded: staff send the money back."""
        return RefundStanding(None, RefundStatus.SUCCEEDED, "")
