// Clients, billing accounts and budgets, with openapi-fetch.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";

import type { components, paths } from "../generated/schema.js";
import { data, setting } from "./support.js";

type Reason = components["schemas"]["ErrorDetail"]["reason"];

export async function billingAccounts(): Promise<void> {
  const api = createClient<paths, "application/json">({
    baseUrl: setting("BASE_URL"),
    headers: { Authorization: `Bearer ${setting("ADMIN_TOKEN")}` },
  });

  const client = data(await api.POST("/v6/clients", { body: { name: "Acme", codeName: "ACME" } }));
  const account = data(
    await api.POST("/v6/billing-accounts", {
      body: { name: "Acme 2026", budget: 100, markup: 0.2, clientId: client.id, endDate: null },
    }),
  );
  const nobody: null | string = account.description;
  assert.equal(nobody, null);
  const path = { billingAccountId: account.id };

  const locked = data(
    await api.PATCH("/v6/billing-accounts/{billingAccountId}/lock-amount", {
      params: { path, header: { "Idempotency-Key": `lock-${account.id}` } },
      body: { challengeId: "c1", amount: 60 },
    }),
  );
  assert.equal(locked.amount, 60);

  const refused = await api.PATCH("/v6/billing-accounts/{billingAccountId}/lock-amount", {
    params: { path },
    body: { challengeId: "c2", amount: 41 },
  });
  assert(refused.error);
  const reason: Reason = refused.error.error.reason;
  assert.equal(reason, "insufficient_funds");
  assert.equal(refused.error.error.code, 400);
  assert.deepEqual(refused.error.error.details, { available: 40, requested: 41 });

  data(
    await api.PATCH("/v6/billing-accounts/{billingAccountId}/consume-amount", {
      params: { path },
      body: { challengeId: "c1", amount: 55.5 },
    }),
  );
  const detail = data(await api.GET("/v6/billing-accounts/{billingAccountId}", { params: { path } }));
  assert.deepEqual([detail.lockedBudget, detail.consumedBudget, detail.totalBudgetRemaining], [0, 55.5, 44.5]);
  assert.equal(detail.consumedAmounts[0]?.challengeId, "c1");

  for (const name of ["Beta", "Gamma"]) {
    data(
      await api.POST("/v6/billing-accounts", { body: { name, budget: 1, markup: 0, clientId: client.id } }),
    );
  }
  const page = data(
    await api.GET("/v6/billing-accounts", {
      params: { query: { clientId: client.id, sortBy: "name", sortOrder: "desc", page: 2, perPage: 2 } },
    }),
  );
  assert.deepEqual([page.count, page.totalPages, page.results.map((each) => each.name)], [3, 2, ["Acme 2026"]]);

  const none = data(
    await api.GET("/v6/billing-accounts", {
      params: { query: { clientId: client.id, status: "INACTIVE", startDateFrom: "2025-01-01" } },
    }),
  );
  assert.deepEqual([none.count, none.results], [0, []]);

  const unknown = await api.GET("/v6/clients/{clientId}", { params: { path: { clientId: "nobody" } } });
  assert.equal(unknown.error?.error.reason, "not_found");
}
