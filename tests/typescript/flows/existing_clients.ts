// Clients that were written for answers without an envelope, by way of the adapter of docs/clients.md.
import assert from "node:assert/strict";
import axios from "axios";

import { setting } from "./support";
import { call, ServiceError, unwrapping } from "./unwrap";

export async function existingClients(): Promise<void> {
  const headers = { Authorization: `Bearer ${setting("ADMIN_TOKEN")}`, "Content-Type": "application/json" };
  const baseURL = setting("BASE_URL");

  const made = await call<{ id: string; name: string }>(`${baseURL}/v6/clients`, {
    method: "POST",
    headers,
    body: JSON.stringify({ name: "Initech" }),
  });
  assert.equal(made.name, "Initech");
  await assert.rejects(call(`${baseURL}/v6/clients/nobody`, { headers }), (error: unknown) => {
    assert(error instanceof ServiceError);
    assert.deepEqual([error.code, error.reason], [404, "not_found"]);
    return true;
  });

  const api = unwrapping(axios.create({ baseURL, headers }));
  const found = await api.get(`/v6/clients/${made.id}`);
  assert.equal(found.data.name, "Initech");
  await assert.rejects(api.post("/v6/clients", { name: 7 }), (error: unknown) => {
    assert(error instanceof ServiceError);
    assert.deepEqual(error.details, { json: { name: ["Not a valid string."] } });
    return true;
  });
}
