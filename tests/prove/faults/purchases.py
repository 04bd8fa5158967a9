"""Faults in purchases, invoices and refunds."""

from tests.prove.planting import NO_WALL, fault

SETTLEMENT = "app/purchases/settlement.py"
NUMBERING = "app/purchases/numbering.py"
DOCUMENTS = "app/purchases/invoice_queries.py"
SALES = "app/purchases/queries.py"
AMOUNTS = "app/purchases/amounts.py"
TAX = "app/purchases/tax.py"
NOTES = "app/purchases/credit_notes.py"
PACKAGES = "app/purchases/packages.py"
WEBHOOKS = "app/purchases/webhooks.py"
RETURNS = "app/purchases/returns.py"
REFUNDS = "app/purchases/refunds.py"
STRIPE = "app/purchases/gateways/stripe.py"

FAULTS = (
    fault(
        "the card is charged from a float",
        "purchases/test_stripe.py::TestPurchase",
        (STRIPE, "int(amount * _CENTS)", "int(float(amount) * _CENTS)"),
    ),
    fault(
        "a payment can be approved twice at once",
        "concurrency/test_purchase_races.py::test_one_approval_counts",
        (SALES, ".where(_IS_PAYMENT)\n    .with_for_update(key_share=True)", ".where(_IS_PAYMENT)"),
    ),
    fault(
        "spent credits are refunded",
        "purchases/test_manual.py::TestRefund",
        (RETURNS, "if available < wanted:", "if available < 0:"),
    ),
    fault(
        "the credits of a refused refund are lost",
        "purchases/test_stripe.py::TestRefund",
        (RETURNS, "_set_refunded(payment, payment.amount_refunded - refund.amount)", "pass"),
    ),
    fault(
        "a refund that is sent again is refused",
        "concurrency/test_purchase_races.py::test_one_refund_for_a_key",
        (REFUNDS, 'return key["request_key"] is not None and any(', 'return key["request_key"] is None and any('),
    ),
    fault(
        "what was refunded at Stripe is refunded again",
        "purchases/test_stripe.py::TestRefund",
        (STRIPE, "_cents(order.amount) - returned)", "_cents(order.amount))"),
    ),
    fault(
        "credits that were given count as those of a purchase",
        "purchases/test_refunds.py",
        (
            RETURNS,
            "grants.unspent(payment.account_id, payment.lot_id)\n    if available",
            "wanted\n    if available",
        ),
    ),
    fault(
        "a refund is done before the gateway says so",
        "purchases/test_refund_outcomes.py",
        (STRIPE, '_REFUND_STATUSES.get(refund["status"], RefundStatus.PENDING)', "RefundStatus.SUCCEEDED"),
    ),
    fault(
        "what was refunded at the gateway stays spendable",
        "purchases/test_gateway_events.py",
        (
            RETURNS,
            "    if amount <= payment.amount_refunded:\n",
            "    if amount > 0:\n",
        ),
    ),
    fault(
        "a cancelled order can be approved",
        "purchases/test_cancellation.py",
        (
            "app/purchases/payments.py",
            "if payment.status != PaymentStatus.PENDING:",
            "if payment.status == PaymentStatus.SUCCEEDED:",
        ),
    ),
    fault(
        "a second event settles a payment again",
        "purchases/test_webhooks.py::TestEvents",
        (
            SETTLEMENT,
            "payment.status in UNPAID",
            "payment.status in UNPAID | {PaymentStatus.SUCCEEDED}",
        ),
    ),
    fault(
        "less than the price is accepted",
        "purchases/test_webhooks.py::TestHostile",
        (
            SETTLEMENT,
            "(standing.amount, standing.currency) != (payment.amount, payment.currency)",
            "standing.currency != payment.currency",
        ),
    ),
    fault(
        "anybody can say that a payment succeeded",
        "purchases/test_webhooks.py::TestHostile",
        (WEBHOOKS, "stripe.verify(_text(body), signature, secret)", "_text(body)"),
    ),
    fault(
        "a purchase that fails uses an invoice number up",
        "concurrency/test_purchase_races.py::test_numbers_have_no_gaps_when_issues_are_rolled_back",
        (
            NUMBERING,
            '"now": now}).one()\n',
            (
                '"now": now}).one()\n    db.session.commit()\n'
                "    from app import tenancy\n    tenancy.set_every_account()\n"
            ),
        ),
    ),
    fault(
        "invoice numbers are counted from what is there",
        "concurrency/test_purchase_races.py::test_invoice_numbers_have_no_gaps",
        (
            DOCUMENTS,
            '{"last": NumberSeries.last + 1,',
            '{"last": select(func.count() + 1).select_from(Invoice).scalar_subquery(),',
        ),
    ),
    fault(
        "an invoice is shown to whoever knows its id",
        "purchases/test_manual.py::TestForeign",
        (
            DOCUMENTS,
            'bindparam("invoice_id"), Invoice.account_id == bindparam("account_id")',
            'bindparam("invoice_id")',
        ),
        NO_WALL,
    ),
    fault(
        "the tax is rounded in every line",
        "purchases/test_amounts.py",
        (AMOUNTS, "taxes[place] = share", "taxes[place] = round_cents(rate * nets[place])"),
    ),
    fault(
        "what is left over of a spread amount is lost",
        "purchases/test_amounts.py",
        (AMOUNTS, "        shares[place] += 1\n", "        pass\n"),
    ),
    fault(
        "credit notes take shares of the invoice, not of what is left",
        "purchases/test_amounts.py",
        (AMOUNTS, "            rest[1] -= line.tax\n", ""),
    ),
    fault(
        "a customer in the seller's state accounts for the tax",
        "purchases/test_tax.py",
        (TAX, " and country != _state(seller_tax_id)", ""),
    ),
    fault(
        "any VAT number moves the tax to the customer",
        "purchases/test_tax.py",
        (TAX, "if tax_id and vat.is_valid(tax_id)", "if tax_id"),
    ),
    fault(
        "a customer of no known country is not taxed",
        "purchases/test_tax.py",
        (TAX, "    if not country:\n        return None\n", ""),
    ),
    fault(
        "a changed price is charged",
        "purchases/test_tax.py",
        (PACKAGES, "if expected_total not in {None, quoted.total}:", "if quoted.total < 0:"),
    ),
    fault(
        "a refund that failed in the end stays credited",
        "purchases/test_credit_notes.py",
        (NOTES, "    if excess <= 0:\n", "    if excess:\n"),
    ),
    fault(
        "invoice numbers are not in order of issue",
        "concurrency/test_purchase_races.py::test_numbers_have_no_gaps_when_issues_are_rolled_back",
        (DOCUMENTS, "func.greatest(NumberSeries.last_at, _NOW)", "_NOW"),
    ),
)
