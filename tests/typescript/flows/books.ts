// The books of a budget, with openapi-fetch: versions, corrections, movements, and lists and statements as files.
import assert from "node:assert/strict";
import { adaptFetch, createCaller, type Data, etagOf, exportedRows, isServiceError, type Item } from "billing-service-client";
import createClient from "openapi-fetch";

import type { paths } from "../generated/schema.js";
import { data, setting } from "./support.js";

type Account = Data<"/v6/billing-accounts/{billingAccountId}">;
type Movement = Item<"/v6/billing-accounts/{billingAccountId}/movements">;

export async function books(): Promise<void> {
  const options = { baseUrl: setting("BASE_URL"), headers: { Authorization: `Bearer ${setting("ADMIN_TOKEN")}` } };
  const api = createClient<paths, "application/json">({ ...options, fetch: adaptFetch({ unwrap: false }) });
  const call = createCaller(options);

  const client = data(await api.POST("/v6/clients", { body: { name: "Initech" } }));
  const { id } = data(
    await api.POST("/v6/billing-accounts", { body: { name: "Books", budget: 100, markup: 0, clientId: client.id } }),
  );
  const path = { billingAccountId: id };

  const read = await call<Account>(`/v6/billing-accounts/${id}`);
  const etag = etagOf(read);
  assert(etag);
  const changed = await api.PATCH("/v6/billing-accounts/{billingAccountId}", {
    params: { path, header: { "If-Match": etag } },
    body: { budget: 120 },
  });
  assert.equal(data(changed).budget, 120);
  const json = { budget: 150 };
  const stale: unknown = await call(`/v6/billing-accounts/${id}`, { method: "PATCH", json, headers: { "If-Match": etag } }).catch(
    (error: unknown) => error,
  );
  assert(isServiceError(stale));
  assert.deepEqual([stale.status, stale.reason], [412, "precondition_failed"]);

  const consumed = { externalType: "CHALLENGE", externalId: "c1" } as const;
  data(
    await api.PATCH("/v6/billing-accounts/{billingAccountId}/consume-amount", {
      params: { path },
      body: { challengeId: "c1", amount: 60 },
    }),
  );
  const reversed = data(
    await api.POST("/v6/billing-accounts/{billingAccountId}/reversals", {
      params: { path },
      body: { ...consumed, amount: 20.5, reason: "Prize lowered" },
    }),
  );
  assert.equal(reversed.reversed, 20.5);

  const page = data(
    await api.GET("/v6/billing-accounts/{billingAccountId}/movements", { params: { path, query: { perPage: 2 } } }),
  );
  const kept = (each: Movement) => [each.position, each.kind, each.consumedDelta, each.consumedAfter, each.reason];
  assert.deepEqual([page.count, ...page.results.map(kept)], [4, [4, "reversed", -20.5, 39.5, "Prize lowered"], [3, "consumed", 60, 60, null]]);

  // As a file, the generated client leaves the response to whoever reads it.
  const exported = await api.GET("/v6/billing-accounts/{billingAccountId}/movements", {
    params: { path, query: { format: "ndjson", sortOrder: "asc", sortBy: "position" } },
    parseAs: "stream",
  });
  const rows: Movement[] = [];
  for await (const row of exportedRows<Movement>(exported.response)) rows.push(row);
  assert.deepEqual(rows.slice(2).reverse(), page.results);

  const period = { from: "2020-01-01", to: "2100-01-01" };
  const statement = data(
    await api.GET("/v6/billing-accounts/{billingAccountId}/statement", { params: { path, query: period } }),
  );
  assert.deepEqual([statement.opening.budget, statement.closing.totalBudgetRemaining], [0, 80.5]);
  assert.deepEqual(statement.movements, rows);
  const file = await api.GET("/v6/billing-accounts/{billingAccountId}/statement", {
    params: { path, query: { ...period, format: "csv" } },
    parseAs: "text",
  });
  const lines = file.data?.split("\r\n") ?? [];
  assert.match(lines[0] ?? "", /^position,at,kind,/);
  assert.deepEqual(lines.slice(-2), ["#end,6", ""]);
}
