"""Payments that are looked at again: given up after a day, and ever more rarely while nothing changes."""

from datetime import timedelta
from typing import Any

import click
import pytest
from freezegun import freeze_time
from sqlalchemy import text

from app import tenancy
from app.clock import utc_now
from app.db.base import db
from cli.payments import reconcile_all
from tests.purchases.conftest import Bought
from tests.slow_gateway import SlowGateway
from tests.stripe_events import event


def next_check(bought: Bought) -> Any:
    with bought.app.app_context():
        tenancy.set_every_account()
        statement = text("SELECT check_at FROM payments WHERE id = :id")
        return db.session.execute(statement, {"id": bought.id}).scalar_one()


def test_open_card_payment_is_given_up_after_a_day(bought: Bought, gateway: SlowGateway) -> None:
    late = bought.another()
    gateway.intents[late.intent]["status"] = "requires_payment_method"
    assert late.reconcile() == ["pending"]
    with freeze_time(utc_now() + timedelta(hours=25), tick=True):
        assert late.reconcile() == ["cancelled"]
        assert gateway.intents[late.intent]["status"] == "canceled"
        assert late.payment()["status"] == "cancelled"
        assert next_check(late) is None
        # The money comes all the same.
        paid = {"id": late.intent, "amount": 900, "status": "succeeded"}
        assert late.tell(event("payment_intent.succeeded", **paid)) is True
        assert late.payment()["status"] == "succeeded"


def test_payment_is_looked_at_ever_more_rarely(bought: Bought, gateway: SlowGateway) -> None:
    paid_at = utc_now()
    with freeze_time(paid_at + timedelta(days=40)) as clock:
        assert bought.reconcile() == []
        assert next_check(bought) - utc_now() > timedelta(days=9)
        gateway.refund(bought.intent, 300)
        assert bought.reconcile() == []
        clock.tick(timedelta(days=11))
        assert bought.reconcile() == ["partially_refunded"]
        clock.tick(timedelta(days=181))
        assert bought.reconcile() == []
        assert next_check(bought) is None


def test_disputes_that_the_gateway_does_not_list_are_counted(
    bought: Bought, gateway: SlowGateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.hides_disputes = True
    gateway.refund(bought.intent, 300)
    with bought.app.app_context():
        summary = reconcile_all()
    assert summary == (
        "1 payments open or changed, 1 changed. The gateway refused to list the disputes of 1 payments: see the log."
    )
    assert "The key may not read disputes." in caplog.text
    gateway.hides_disputes = False
    with bought.app.app_context():
        assert reconcile_all() == "0 payments open or changed, 0 changed."


def test_failure_of_the_database_on_one_payment_is_counted_and_the_others_are_reconciled(
    bought: Bought, capsys: pytest.CaptureFixture[str]
) -> None:
    failing, other = bought.another(), bought.another()
    with bought.app.app_context():
        not_paid = f"CHECK (id <> {failing.id} OR status = 'pending')"
        db.session.execute(text(f"ALTER TABLE payments ADD CONSTRAINT of_this_test {not_paid}"))
        db.session.commit()
        try:
            with pytest.raises(click.ClickException) as raised:
                reconcile_all()
        finally:
            db.session.execute(text("ALTER TABLE payments DROP CONSTRAINT of_this_test"))
            db.session.commit()
    assert raised.value.message == "2 payments open or changed, 1 changed. 1 payments could not be reconciled."
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{failing.id}: not reconciled: ")
    assert "of_this_test" in first
    assert second == f"{other.id}: succeeded"
    assert other.payment()["status"] == "succeeded"
    assert failing.reconcile() == ["succeeded"]
