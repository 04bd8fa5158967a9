"""Reading and writing packages, invoices and payments."""

from sqlalchemy import Text, bindparam, cast, func, select, text

from app.db.paging import ListQuery, columns_of
from app.purchases.models import CreditPackage, Invoice, Payment

PACKAGES = ListQuery(
    rows=select(*columns_of(CreditPackage, but={"created_at", "updated_at"})),
    key=CreditPackage.id,
    filters={"is_active": CreditPackage.is_active == bindparam("is_active")},
    sorts={"price": CreditPackage.price},
    default_sort="price",
    default_order="asc",
)
EVERY_PACKAGE = text("SELECT name, credits, price, is_active FROM credit_packages ORDER BY price, name")
SET_PACKAGE = text("""
    INSERT INTO credit_packages (name, credits, price, is_active, created_at, updated_at)
    VALUES (:name, :credits, :price, :is_active, :now, :now)
    ON CONFLICT (name) DO UPDATE SET credits = excluded.credits, price = excluded.price,
        is_active = excluded.is_active, updated_at = excluded.updated_at
""")
PACKAGE = text("SELECT id, name, credits, price, is_active FROM credit_packages WHERE id = :package_id")

_BILLED = (
    "account_name",
    "billing_email",
    "billing_address_line1",
    "billing_address_line2",
    "billing_city",
    "billing_state",
    "billing_postal_code",
    "billing_country",
    "tax_id",
)
_SELLER = ("seller_name", "seller_address", "seller_tax_id", "seller_registration", "seller_bank")
_INVOICE_COLUMNS = f"""
    i.id, i.invoice_number, i.status, i.description, i.total_amount, i.currency,
    {", ".join(f"i.{name}" for name in (*_BILLED, *_SELLER))}, i.created_at, i.paid_at
"""
INVOICES = ListQuery(
    rows=select(*columns_of(Invoice, but={"account_id", "updated_at"})),
    key=Invoice.id,
    filters={
        "account_id": Invoice.account_id == bindparam("account_id"),
        "status": Invoice.status == bindparam("status"),
        "start_date": Invoice.created_at >= bindparam("start_date"),
        "end_date": Invoice.created_at <= bindparam("end_date"),
    },
    sorts={"created_at": Invoice.created_at},
    default_sort="created_at",
)
INVOICE = text(f"""
    SELECT {_INVOICE_COLUMNS}, p.payment_method
    FROM invoices i JOIN payments p ON p.invoice_id = i.id
    WHERE i.id = :invoice_id AND i.account_id = :account_id
""")
# The row of the year is held until the invoice is committed: the next number is given when this one is certain.
NEXT_NUMBER = text("""
    INSERT INTO invoice_counters AS counter (year, last) VALUES (:year, 1)
    ON CONFLICT (year) DO UPDATE SET last = counter.last + 1 RETURNING last
""")
CREATE_INVOICE = text(f"""
    INSERT INTO invoices (
        account_id, invoice_number, status, description, total_amount, currency, {", ".join(_BILLED)},
        {", ".join(_SELLER)}, created_at, updated_at
    )
    SELECT id, :invoice_number, 'pending', :description, :total_amount, :currency,
        name, {", ".join(_BILLED[1:])}, {", ".join(f":{name}" for name in _SELLER)}, :now, :now
    FROM customer_accounts WHERE id = :account_id RETURNING id
""")
MARK_INVOICE = text("""
    UPDATE invoices SET status = :status, updated_at = :now,
        paid_at = CASE WHEN :status = 'paid' THEN coalesce(paid_at, :now) ELSE paid_at END
    WHERE id = :invoice_id
""")

_PAYMENT_COLUMNS = """
    p.id, p.account_id, p.invoice_id, p.package_id, p.credits, p.amount, p.currency, p.status, p.payment_method,
    CAST(p.gateway_key AS text) AS gateway_key, coalesce(p.gateway_reference, '') AS gateway_reference, p.failure,
    p.amount_refunded, p.credits_refunded, p.created_at, p.updated_at, p.succeeded_at, p.refunded_at
"""
_PAYMENT_INTERNALS = {
    "gateway_key",
    "gateway_reference",
    "requested_by",
    "request_key_owner",
    "request_key",
    "purchase_position",
    "dispute_reference",
    "dispute_status",
    "amount_charged_back",
    "settled_by",
}
PAYMENTS = ListQuery(
    rows=select(
        *columns_of(Payment, but=_PAYMENT_INTERNALS),
        cast(Payment.gateway_key, Text).label("gateway_key"),
        func.coalesce(Payment.gateway_reference, "").label("gateway_reference"),
    ),
    key=Payment.id,
    filters={
        "account_id": Payment.account_id == bindparam("account_id"),
        "status": Payment.status == bindparam("status"),
        "payment_method": Payment.payment_method == bindparam("payment_method"),
    },
    sorts={"created_at": Payment.created_at},
    default_sort="created_at",
)
PAYMENT = text(f"SELECT {_PAYMENT_COLUMNS} FROM payments p WHERE p.id = :payment_id")
LOCK_PAYMENT = text(f"""
    SELECT {_PAYMENT_COLUMNS}, p.request_key_owner, p.purchase_position, p.amount_charged_back, p.dispute_reference,
        p.dispute_status
    FROM payments p WHERE p.id = :payment_id FOR NO KEY UPDATE
""")
# A key means something for a day; who uses it again later begins something new.
FORGET_OLD_KEY = text("""
    UPDATE payments SET request_key = NULL
    WHERE request_key_owner = :request_key_owner AND request_key = :request_key AND created_at <= :expired
""")
KEYED_PAYMENT = text(f"""
    SELECT {_PAYMENT_COLUMNS} FROM payments p
    WHERE p.request_key_owner = :request_key_owner AND p.request_key = :request_key
""")
ONE_KEYED_REQUEST_AT_A_TIME = text(
    "SELECT pg_advisory_xact_lock(hashtextextended('purchase ' || :request_key_owner || ' ' || :request_key, 0))"
)
CREATE_PAYMENT = text("""
    INSERT INTO payments (
        account_id, invoice_id, package_id, credits, amount, currency, status, payment_method, requested_by,
        request_key_owner, request_key, created_at, updated_at
    ) VALUES (
        :account_id, :invoice_id, :package_id, :credits, :amount, :currency, 'pending', :payment_method,
        :requested_by, :request_key_owner, :request_key, :now, :now
    ) RETURNING id
""")
KEEP_REFERENCE = text("""
    UPDATE payments SET gateway_reference = :reference, updated_at = :now
    WHERE id = :payment_id AND gateway_reference IS NULL
""")
MARK_PAYMENT = text("""
    UPDATE payments SET status = :status, failure = :failure, settled_by = :settled_by, updated_at = :now
    WHERE id = :payment_id
""")
SETTLE_PAYMENT = text("""
    UPDATE payments SET status = 'succeeded', failure = '', settled_by = :settled_by, updated_at = :now,
        succeeded_at = :now, purchase_position = :purchase_position
    WHERE id = :payment_id
""")
FOLLOW_PAYMENT = text("""
    UPDATE payments SET status = :status, failure = :failure, credits_refunded = :credits_refunded,
        refunded_at = CASE WHEN :status = 'refunded' THEN coalesce(refunded_at, :now) END, settled_by = :settled_by,
        updated_at = :now
    WHERE id = :payment_id
""")
SET_REFUNDED = text("UPDATE payments SET amount_refunded = :amount, updated_at = :now WHERE id = :payment_id")
SET_DISPUTE = text("""
    UPDATE payments SET dispute_reference = :reference, dispute_status = :status,
        amount_charged_back = least(amount, amount_charged_back + :lost), updated_at = :now
    WHERE id = :payment_id
""")
_REFUND_COLUMNS = """
    r.id, r.payment_id, r.account_id, r.amount, r.status, CAST(r.gateway_key AS text) AS gateway_key,
    r.gateway_reference, r.request_key_owner, r.request_key, r.failed_at
"""
REFUNDS = text(f"SELECT {_REFUND_COLUMNS} FROM refunds r WHERE r.payment_id = :payment_id ORDER BY r.id")
CREATE_REFUND = text("""
    INSERT INTO refunds (
        account_id, payment_id, amount, status, reason, failure, gateway_reference, requested_by, request_key_owner,
        request_key, failed_at, created_at, updated_at
    ) VALUES (
        :account_id, :payment_id, :amount, :status, :reason, :failure, :reference, :requested_by, :request_key_owner,
        :request_key, CASE WHEN :status = 'failed' THEN CAST(:at AS timestamptz) END, :now, :now
    )
""")
MARK_REFUND = text("""
    UPDATE refunds SET status = :status, failure = :failure, updated_at = :now,
        gateway_reference = coalesce(gateway_reference, :reference),
        failed_at = CASE WHEN :status = 'failed' THEN CAST(:at AS timestamptz) END
    WHERE id = :refund_id
""")
PENDING_REFUNDS = text("""
    SELECT r.id, r.payment_id FROM refunds r JOIN payments p ON p.id = r.payment_id
    WHERE r.status = 'pending' AND p.payment_method = ANY(:methods) AND r.id > :after ORDER BY r.id LIMIT :limit
""")
# By the intent; by what it says it is for only when nobody knows it.
FIND_PAYMENT = text("""
    SELECT id FROM payments
    WHERE gateway_reference = :reference OR gateway_key = CAST(:gateway_key AS uuid) AND payment_method = 'stripe'
    ORDER BY gateway_reference = :reference DESC NULLS LAST LIMIT 1
""")
OPEN_PAYMENTS = text(f"""
    SELECT {_PAYMENT_COLUMNS} FROM payments p
    WHERE p.status IN ('pending', 'failed') AND p.payment_method = ANY(:methods)
        AND p.id > :after
    ORDER BY p.id LIMIT :limit
""")
RECORD_EVENT = text("""
    INSERT INTO stripe_events (id, event_type, received_at) VALUES (:id, :event_type, :now)
    ON CONFLICT (id) DO NOTHING RETURNING true
""")
