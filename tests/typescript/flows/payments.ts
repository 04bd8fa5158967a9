// Bookings, work periods and payments in bulk, with the client of @hey-api/openapi-ts.
import assert from "node:assert/strict";

import { createClient, createConfig } from "../generated/hey/client/index.js";
import {
  createBillingAccount,
  createClient as createBilledClient,
  createResourceBooking,
  createWorkPeriodPaymentsBulk,
  listWorkPeriods,
  updateWorkPeriodPaymentsBulk,
} from "../generated/hey/index.js";
import { data, setting } from "./support.js";

export async function payments(): Promise<void> {
  const client = createClient(
    createConfig({ baseUrl: setting("BASE_URL"), auth: () => setting("ADMIN_TOKEN") }),
  );
  const billed = data(await createBilledClient({ client, body: { name: "Globex" } }));
  const account = data(
    await createBillingAccount({ client, body: { name: "Staffing", budget: 5000, markup: 0, clientId: billed.id } }),
  );
  const booking = data(
    await createResourceBooking({
      client,
      body: {
        projectId: 1,
        userId: "7",
        rateType: "weekly",
        memberRate: 1000,
        startDate: "2025-01-06",
        endDate: "2025-01-24",
        billingAccountId: account.id,
      },
    }),
  );
  const periods = data(
    await listWorkPeriods({ client, query: { resourceBookingId: [booking.id], sortBy: "startDate" } }),
  ).results;
  assert.deepEqual(
    periods.map((period) => [period.startDate, period.daysWorked, period.paymentStatus]),
    [
      ["2025-01-05", 5, "pending"],
      ["2025-01-12", 5, "pending"],
      ["2025-01-19", 5, "pending"],
    ],
  );

  const made = data(
    await createWorkPeriodPaymentsBulk({
      client,
      body: periods.map((period) => ({ workPeriodId: period.id, days: 3 })),
    }),
  );
  const ids = made.map((outcome) => {
    assert(!("error" in outcome), JSON.stringify(outcome));
    assert.equal(outcome.amount, 600);
    return outcome.id;
  });

  const changed = data(
    await updateWorkPeriodPaymentsBulk({
      client,
      body: [
        { id: ids[0] ?? "", days: 5 },
        { id: ids[1] ?? "", days: 9 },
        { id: ids[2] ?? "", status: "cancelled" },
      ],
    }),
  );
  assert.deepEqual(
    changed.map((outcome) => ("error" in outcome ? outcome.error.reason : [outcome.days, outcome.status])),
    [[5, "scheduled"], "invalid_input", [3, "cancelled"]],
  );
}
