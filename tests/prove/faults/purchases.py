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
REFUNDS = "app/purchases/refunds.py"
RECORDS = "app/purchases/refund_records.py"
RETURNS = "app/purchases/returns.py"
RECONCILIATION = "app/purchases/reconciliation.py"
STATES = "app/purchases/states.py"
DISPUTES = "app/purchases/disputes.py"
TERMS = "app/purchases/refund_terms.py"
CLAIMS = "app/credits/ledger/claims.py"
STANDING = "app/credits/ledger/standing.py"
STRIPE = "app/purchases/gateways/stripe.py"
EINVOICE = "app/purchases/einvoice.py"

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
        "purchases/test_partial_refunds.py",
        (REFUNDS, "if available < terms.credits:", "if available < 0:"),
    ),
    fault(
        "the credits of a refused refund are lost",
        "purchases/test_refund_outcomes.py",
        (RECORDS, "returns.unclaim(payment, refund.credits,", "returns.unclaim(payment, 0,"),
    ),
    fault(
        "a refund that is sent again is refused",
        "concurrency/test_purchase_races.py::test_one_refund_for_a_key",
        (REFUNDS, "            and each.created_at > since\n", "            and each.created_at < since\n"),
    ),
    fault(
        "what was refunded at Stripe is refunded again",
        "purchases/test_stripe.py::TestRefund",
        (STRIPE, "_cents(order.amount) - returned)", "_cents(order.amount))"),
    ),
    fault(
        "credits that were given count as those of a purchase",
        "purchases/test_refunds.py",
        (REFUNDS, "available = claims.unspent(payment.account_id, payment.lot_id)", "available = terms.credits"),
    ),
    fault(
        "a refund is done before the gateway says so",
        "purchases/test_refund_outcomes.py",
        (STRIPE, '_REFUND_STATUSES.get(refund["status"], RefundStatus.PENDING)', "RefundStatus.SUCCEEDED"),
    ),
    fault(
        "what was refunded at the gateway stays spendable",
        "purchases/test_gateway_events.py",
        (RECORDS, "    return more > 0 and _add(", "    return more < 0 and _add("),
    ),
    fault(
        "a second event settles a payment again",
        "purchases/test_webhooks.py::TestEvents",
        (STATES, "SUCCEEDED, SUCCEEDED, SUCCEEDED, IGNORED,", "SUCCEEDED, SUCCEEDED, SUCCEEDED, SUCCEEDED,"),
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
            'Invoice.account_id == bindparam("account_id"), Invoice.id == bindparam("invoice_id")',
            'Invoice.id == bindparam("invoice_id")',
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
    fault(
        "more is refunded than was paid",
        "concurrency/test_return_races.py::test_no_more_is_refunded_than_was_paid",
        (TERMS, "if amount > bought.refundable or", "if"),
    ),
    fault(
        "a credit note says in its data that it is an invoice",
        "purchases/test_einvoice.py",
        (EINVOICE, 'Series.CREDIT_NOTE: "381"', 'Series.CREDIT_NOTE: "380"'),
    ),
    fault(
        "a customer who accounts for the tax is out of its scope in the data",
        "purchases/test_einvoice.py",
        (EINVOICE, 'if tax.REVERSE_CHARGE in document["notes"] else', 'if not document["notes"] else'),
    ),
    fault(
        "more is refunded than was received",
        "purchases/test_partial_refunds.py::TestApproval",
        (
            RETURNS,
            "return amount if payment.received_amount is None else min(amount, payment.received_amount)",
            "return amount",
        ),
    ),
    fault(
        "the accepted difference of a purchase that went back stays invoiced",
        "purchases/test_partial_refunds.py::TestApproval",
        (RETURNS, "payment.amount - received(payment) if all_gone else ZERO", "ZERO"),
    ),
    fault(
        "a failure on one payment ends the reconciliation of all",
        "purchases/test_reconciliation.py",
        (RECONCILIATION, "except (ServiceError, SQLAlchemyError) as error:", "except ServiceError as error:"),
    ),
    fault(
        "a key finds a refund of another amount",
        "purchases/test_partial_refunds.py",
        (REFUNDS, "for name, value in request.items()):", "for name, value in request.items() if name == 'reason'):"),
    ),
    fault(
        "parts of a refund lose credits by rounding",
        "purchases/test_partial_refunds.py",
        (
            TERMS,
            "bought.credits * (bought.returned + amount) // bought.amount) - bought.taken",
            "bought.credits * amount // bought.amount)",
        ),
    ),
    fault(
        "disputed credits are spent",
        "purchases/test_debt.py",
        (DISPUTES, "frozen = int(rest *", "frozen = int(0 *"),
    ),
    fault(
        "credits of a refund that failed stay beside the money of a lost dispute",
        "purchases/test_debt.py::TestFailedRefund",
        (DISPUTES, "        elif each.status == DisputeStatus.LOST and uncovered:", "        elif uncovered < 0:"),
    ),
    fault(
        "an open dispute does not freeze what a failed refund gives back",
        "purchases/test_debt.py::TestFailedRefund",
        (DISPUTES, "frozen=each.frozen + share", "frozen=each.frozen"),
    ),
    fault(
        "a dispute that ended counts again",
        "purchases/test_debt.py",
        (DISPUTES, "known.status != DisputeStatus.OPEN or", "known.status == about.status and"),
    ),
    fault(
        "spent credits whose money went back are forgotten",
        "purchases/test_debt.py",
        (CLAIMS, "    standing.debt += debt\n    book", "    book"),
    ),
    fault(
        "held credits whose money went back are kept",
        "purchases/test_debt.py",
        (
            STANDING,
            "            owed = min(lot.owed, credits)\n            if owed:",
            "            owed = 0\n            if owed:",
        ),
    ),
    fault(
        "credits that arrive pay no debt",
        "purchases/test_debt.py",
        (STANDING, "            self.debt = owed\n", "            return\n"),
    ),
    fault(
        "another amount than is due is approved",
        "purchases/test_partial_refunds.py",
        (
            "app/purchases/payments.py",
            'if amount != payment.amount and not told.get("accept_difference"):',
            "if amount < 0:",
        ),
    ),
    fault(
        "a failed refund lets its credits expire meanwhile",
        "purchases/test_partial_refunds.py",
        (CLAIMS, "        lot.expires_at += late\n", "        lot.expires_at = lot.expires_at\n"),
    ),
    fault(
        "events are forgotten while Stripe can send them again",
        "purchases/test_webhooks.py::test_events_are_known_for_longer_than_stripe_can_send_them_again",
        (WEBHOOKS, "timedelta(days=90)", "timedelta(days=9)"),
    ),
    fault(
        "disputes that are not listed count as none",
        "purchases/test_reconciliation.py",
        (
            STRIPE,
            "            return None\n        return [each for",
            "            return []\n        return [each for",
        ),
    ),
)
