// Code as it was written for services whose responses come bare. Only how `api` and `fetch` are made is new.
import assert from "node:assert/strict";
import { test } from "node:test";

import axios, { type AxiosInstance } from "axios";
import { adaptAxios } from "billing-service-client/axios";
import { adaptFetch } from "billing-service-client";

import { BASE_URL, bearer, newAccount, newReference } from "./support.js";

/** An account list of an administration UI: rows from the body, paging from the headers. */
async function accountsPage(api: AxiosInstance, page: number) {
  const res = await api.get("/v6/billing-accounts", { params: { clientId: "demo-globex", sortBy: "name", page, perPage: 1 } });
  return {
    rows: res.data.map((account: { id: number; name: string }) => ({ key: account.id, label: account.name })),
    total: parseInt(res.headers["x-total"], 10),
    pages: Number(res.headers["x-total-pages"]),
    next: res.headers["x-next-page"] ?? null,
  };
}

/** A form that shows the server's message, or its own. */
async function lockMessage(api: AxiosInstance, account: number, amount: number): Promise<string> {
  try {
    const { data } = await api.patch(`/v6/billing-accounts/${account}/lock-amount`, { challengeId: "1", amount });
    return `locked ${data.amount}`;
  } catch (err: any) {
    if (!err.response) return "network";
    if (err.response.status === 404) return "gone";
    return err.response.data.message ?? err.message;
  }
}

const adapted = () =>
  adaptAxios(axios.create({ baseURL: BASE_URL, headers: bearer("ADMIN_TOKEN") }), { lists: "array" });

test("a table with rows from the body and paging from the headers", async () => {
  const { rows, ...paging } = await accountsPage(adapted(), 1);
  assert.deepEqual(rows.map((row: { label: string }) => row.label), ["Globex quality assurance"]);
  assert.deepEqual(paging, { total: 2, pages: 2, next: "2" });
  assert.equal((await accountsPage(adapted(), 2)).next, null);
});

test("a form with the message of the server", async () => {
  const account = await newAccount();
  assert.equal(await lockMessage(adapted(), account, 60), "locked 60");
  assert.match(await lockMessage(adapted(), account, 101), /^Billing account/);
  assert.equal(await lockMessage(adapted(), 2_000_000_000, 1), "gone");
});

test("an instance whose interceptors were there before, and give the data alone", async () => {
  const api = axios.create({ baseURL: BASE_URL, headers: bearer("ADMIN_TOKEN") });
  api.interceptors.response.use(
    (res) => res.data,
    (err) => Promise.reject(err.response.data),
  );
  adaptAxios(api, { lists: "array" });
  const rows: unknown = await api.get("/v6/clients", { params: { codeName: "GLBX" } });
  assert(Array.isArray(rows));
  const failed = await api.get("/v6/clients/nobody").catch((body) => body);
  assert.deepEqual([failed.statusCode, typeof failed.message], [404, "string"]);
});

test("a transform that reads the text itself", async () => {
  const seen: string[] = [];
  const transformResponse = (text: string) => (seen.push(text), JSON.parse(text));
  const { data } = await adapted().get("/v6/clients/demo-acme", { transformResponse });
  assert.equal(data.name, "Acme Corporation");
  assert.equal(JSON.parse(seen[0] ?? "").name, "Acme Corporation");
});

test("calls by method, by config and by the instance itself", async () => {
  const api = adapted();
  assert.equal((await api({ url: "/v6/clients/demo-acme" })).data.codeName, "ACME");
  assert.equal((await api.request({ method: "get", url: "/v6/clients/demo-acme" })).data.codeName, "ACME");
  const made = await api.post("/v6/clients", { name: newReference() });
  assert.equal((await api.patch(`/v6/clients/${made.data.id}`, { status: "INACTIVE" })).data.status, "INACTIVE");
});

test("a fetch wrapper that looks at ok, and at the total in the headers", async () => {
  const fetch = adaptFetch({ lists: "array" });
  async function load(path: string) {
    const res = await fetch(`${BASE_URL}${path}`, { headers: bearer("ADMIN_TOKEN") });
    if (!res.ok) throw new Error((await res.json()).message || res.statusText);
    return { items: await res.json(), total: Number(res.headers.get("X-Total")) };
  }
  const { items, total } = await load("/v6/clients?codeName=glbx");
  assert.deepEqual([items[0].id, total], ["demo-globex", 1]);
  await assert.rejects(load("/v6/clients/nobody"), /nobody/);
});

test("a check that only a given flag passes", async () => {
  const hasAccess = async (user: string) => {
    const { data } = await adapted().get(`/v6/billing-accounts/1/users/${user}/access`);
    return data.hasAccess !== false;
  };
  assert.deepEqual([await hasAccess("40051399"), await hasAccess("stranger")], [true, false]);
});
