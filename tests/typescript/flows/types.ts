// What must not compile, so that a generated type never promises what an answer may not hold.
import type { components } from "../generated/schema.js";
import type { InvoiceResponse, LockAmount, WorkPeriodPaymentOutcomeListResponse } from "../generated/hey/index.js";

type Schemas = components["schemas"];

export function promises(
  account: Schemas["BillingAccount"],
  detail: Schemas["BillingAccountDetail"],
  failure: Schemas["Error"],
  invoice: InvoiceResponse,
  outcomes: WorkPeriodPaymentOutcomeListResponse,
): unknown[] {
  // @ts-expect-error a description may be null
  account.description.length;
  // @ts-expect-error copilots get no markup
  account.markup.toFixed(2);
  // @ts-expect-error a line of an engagement has no challenge
  detail.consumedAmounts[0]?.challengeId.length;
  // @ts-expect-error this is no reason
  if (failure.error.reason === "no_money") return [];
  // @ts-expect-error details are not always there
  failure.error.details.available;
  // @ts-expect-error a success carries no error
  invoice.error;
  // @ts-expect-error the item may have failed
  outcomes.data[0]?.amount;
  // @ts-expect-error an amount is needed
  const lock: LockAmount = { challengeId: "c1" };
  // @ts-expect-error this is no field
  const more: LockAmount = { challengeId: "c1", amount: 1, colour: "red" };
  return [account.name.length, account.budget.toFixed(2), invoice.data.total_amount.length, lock, more];
}
