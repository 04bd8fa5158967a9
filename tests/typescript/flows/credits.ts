// A customer's account: credits, a purchase, invoices, settings, team and analytics, with openapi-fetch.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";

import type { paths } from "../generated/schema.js";
import { data, setting } from "./support.js";

export async function credits(): Promise<void> {
  const as = (token: string) =>
    createClient<paths, "application/json">({ baseUrl: setting("BASE_URL"), headers: { Authorization: `Bearer ${setting(token)}` } });
  const customer = as("CUSTOMER_TOKEN");
  const staff = as("ADMIN_TOKEN");

  const homeless = await customer.GET("/v1/billing/credits/balance");
  assert.equal(homeless.error?.error.reason, "no_account");

  const account = data(await customer.POST("/v1/account", { body: { name: "Harbour Studio" } }));
  const balance = data(await customer.GET("/v1/billing/credits/balance"));
  assert.deepEqual([balance.credits, balance.credits_held, balance.credits_available], [100, 0, 100]);
  assert.deepEqual([balance.plan_credits_per_month, balance.credits_used_this_month, balance.credits_remaining], [100, 0, 100]);

  const refused = await customer.POST("/v1/billing/credits/usage", {
    body: { operation_type: "images", credits_used: 101 },
  });
  assert.equal(refused.response.status, 402);
  assert.equal(refused.error?.error.reason, "insufficient_credits");

  const [cheapest] = data(await customer.GET("/v1/billing/credit-packages")).results;
  assert(cheapest);
  const bought = data(
    await customer.POST("/v1/billing/credit-packages/{packageId}/purchase", {
      params: { path: { packageId: cheapest.id }, header: { "Idempotency-Key": "purchase-1" } },
      body: { payment_method: "manual" },
    }),
  );
  const secret: string | null = bought.client_secret;
  assert.equal(secret, "");
  const settled = data(
    await staff.POST("/v1/billing/payments/{paymentId}/approve", {
      params: { path: { paymentId: bought.payment.id } },
    }),
  );
  assert.equal(settled.status, "succeeded");

  const [invoice] = data(await customer.GET("/v1/billing/invoices", { params: { query: { status: "paid" } } })).results;
  assert.ok(invoice, "a bank transfer is invoiced when it is ordered");
  assert.equal(invoice.invoice_number, bought.invoice?.invoice_number);
  assert.equal(invoice.total_amount, cheapest.price);
  const pdf = await customer.GET("/v1/billing/invoices/{invoiceId}/pdf", {
    params: { path: { invoiceId: invoice.id } },
    parseAs: "blob",
  });
  assert.equal(pdf.response.headers.get("Content-Type"), "application/pdf");

  const outcomes = data(
    await customer.POST("/v1/billing/credits/usage/bulk", {
      body: [
        { operation_type: "images", credits_used: 50, key: "a" },
        { operation_type: "images", credits_used: 5000 },
      ],
    }),
  );
  assert.deepEqual(
    outcomes.map((outcome) => ("error" in outcome ? outcome.error.code : outcome.balance_after)),
    [550, 402],
  );

  const hold = data(
    await customer.POST("/v1/billing/credits/holds", {
      body: { amount: 75, operation_type: "images", reference: "job-17" },
    }),
  );
  assert.deepEqual([hold.status, hold.remaining, hold.ended_at], ["open", 75, null]);
  const path = { holdId: hold.id };
  const captured = data(
    await customer.POST("/v1/billing/credits/holds/{holdId}/capture", { params: { path }, body: { amount: 60 } }),
  );
  assert.deepEqual([captured.status, captured.captured, captured.remaining], ["captured", 60, 0]);
  const ended = await customer.POST("/v1/billing/credits/holds/{holdId}/release", { params: { path } });
  assert.equal(ended.error?.error.reason, "hold_ended");
  const holds = data(await customer.GET("/v1/billing/credits/holds", { params: { query: { reference: "job-17" } } }));
  assert.deepEqual(holds.results.map((each) => [each.id, each.status]), [[hold.id, "captured"]]);

  const settings = data(await customer.PATCH("/v1/account/settings", { body: { billing_city: "Cork", tax_id: null } }));
  assert.deepEqual([settings.id, settings.billing_city, settings.credit_balance], [account.id, "Cork", 490]);

  const invited = data(await customer.POST("/v1/account/team", { body: { email: "bob@harbour.example" } }));
  const joined: string | null = invited.date_joined;
  assert.deepEqual([joined, invited.is_active, invited.role], [null, false, "member"]);
  data(await customer.DELETE("/v1/account/team/{memberId}", { params: { path: { memberId: invited.id } } }));

  const analytics = data(await customer.GET("/v1/account/usage/analytics", { params: { query: { days: 7 } } }));
  assert.equal(analytics.daily_usage.length, 7);
  assert.deepEqual([analytics.total_usage, analytics.total_purchases], [110, 500]);
}
