// What is sent again, with which key, how often and when.
import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";

import axios from "axios";
import { adaptFetch, billing, type Options } from "billing-service-client";

import { adaptedAxios, BASE_URL, bearer, caller, failure, type Fault, newAccount, newReference, proxy, rejection } from "./support.js";

const SOON: Options = { pauseMs: 1 };
const lock = (amount = 10) => ({ challengeId: newReference(), amount });
const engagement = () => ({ externalType: "ENGAGEMENT", externalId: newReference(), amount: 10 });

type Send = (method: "GET" | "POST" | "PATCH" | "DELETE", path: string, json?: object, more?: object) => Promise<any>;
const ADAPTERS: Record<string, (url: string, options: Options) => Send> = {
  axios: (url, options) => async (method, path, data, more) =>
    (await adaptedAxios(options, url).request({ method, url: path, data, ...more })).data,
  "axios over fetch": (url, options) => async (method, path, data, more) =>
    (await adaptedAxios(options, url).request({ method, url: path, data, adapter: "fetch", ...more })).data,
  fetch: (url, options) => async (method, path, json, more) =>
    caller(options, url)(path, { method, ...(json ? { json } : {}), ...more }),
};

const TEMPORARY: Record<string, Fault> = {
  "a request that is lost": { lost: "request" },
  "a response that is lost": { lost: "response" },
  "a response that breaks off": { lost: "half" },
  "429": { answer: 429, headers: { "Retry-After": "0" }, body: failure(429, "rate_limited") },
  "503": { answer: 503, headers: { "Retry-After": "0" } },
  "503 from a proxy": { answer: 503, headers: { "Content-Type": "text/html" }, body: "<h1>Unavailable</h1>" },
  "502": { answer: 502, headers: { "Content-Type": "text/html" }, body: "<h1>Bad gateway</h1>" },
  "504": { answer: 504 },
  "408": { answer: 408, body: failure(408, "request_timeout") },
  "409 of a twin that is running": { answer: 409, body: failure(409, "idempotency_in_progress") },
};
const FINAL: Record<string, Fault> = {
  "400": { answer: 400, body: failure(400, "invalid_input") },
  "402": { answer: 402, body: failure(402, "insufficient_credits") },
  "409": { answer: 409, body: failure(409, "conflict") },
  "422": { answer: 422, body: failure(422, "idempotency_key_reused") },
  "500": { answer: 500, body: failure(500, "internal_error") },
};

for (const [name, sender] of Object.entries(ADAPTERS)) {
  describe(name, () => {
    for (const [what, fault] of Object.entries(TEMPORARY)) {
      test(`${what}: a write happens once, with one key`, async (context) => {
        const account = await newAccount();
        const { url, seen } = await proxy(context, fault, fault);
        await sender(url, SOON)("PATCH", `/v6/billing-accounts/${account}/consume-amount`, engagement());
        assert.equal(seen.length, 3);
        assert.equal(new Set(seen.map((each) => each.key)).size, 1);
        assert.match(seen[0]?.key ?? "", /^[0-9a-f]{32}$/);
        assert.equal(new Set(seen.map((each) => each.body)).size, 1);
        const after = await caller()<{ consumedBudget: number }>(`/v6/billing-accounts/${account}`);
        assert.equal(after.consumedBudget, 10);
      });

      test(`${what}: a read is repeated`, async (context) => {
        const { url, seen } = await proxy(context, fault);
        assert.equal((await sender(url, SOON)("GET", "/v6/billing-accounts/1")).id, 1);
        assert.deepEqual(seen.map((each) => each.key), [undefined, undefined]);
      });
    }

    for (const [what, fault] of Object.entries(FINAL)) {
      test(`${what} is given to the caller at once`, async (context) => {
        const { url, seen } = await proxy(context, fault);
        const error = await rejection(sender(url, SOON)("POST", "/v6/clients", { name: newReference() }));
        assert.deepEqual([seen.length, error.status], [1, "answer" in fault && fault.answer]);
      });
    }

    test("attempts are bounded", async (context) => {
      const { url, seen } = await proxy(context, ...Array<Fault>(9).fill({ answer: 503 }));
      const error = await rejection(sender(url, SOON)("GET", "/v6/clients"));
      assert.deepEqual([seen.length, error.status, error.reason], [4, 503, "database_unavailable"]);
      await rejection(sender(url, { ...SOON, attempts: 1 })("GET", "/v6/clients"));
      assert.equal(seen.length, 5);
    });

    test("a write without a key is not repeated", async (context) => {
      const { url, seen } = await proxy(context, { answer: 503 });
      const error = await rejection(sender(url, { ...SOON, idempotencyKey: false })("POST", "/v6/clients", { name: "a" }));
      assert.deepEqual([error.status, seen.map((each) => each.key)], [503, [undefined]]);
    });

    test("a DELETE has no key and is not repeated", async (context) => {
      const { url, seen } = await proxy(context, { lost: "response" });
      await rejection(sender(url, SOON)("DELETE", "/v6/billing-accounts/1/users/nobody"));
      assert.deepEqual(seen.map((each) => each.key), [undefined]);
    });

    test("the caller's key is kept", async (context) => {
      const { url, seen } = await proxy(context, { answer: 503 }, "passed", { answer: 503 });
      const [header, option] = [newReference(), newReference()];
      const json = { name: newReference() };
      const made = await sender(url, SOON)("POST", "/v6/clients", json, { headers: { "Idempotency-Key": header } });
      const again = await sender(url, SOON)("POST", "/v6/clients", json, billing({ idempotencyKey: option }));
      assert.deepEqual(seen.map((each) => each.key), [header, header, option, option]);
      assert.notEqual(made.id, again.id);
    });

    test("two requests have two keys", async (context) => {
      const { url, seen } = await proxy(context);
      const json = { name: newReference() };
      const send = sender(url, SOON);
      assert.notEqual((await send("POST", "/v6/clients", json)).id, (await send("POST", "/v6/clients", json)).id);
      assert.equal(new Set(seen.map((each) => each.key)).size, 2);
    });

    test("Retry-After is waited for, in seconds and as a date", async (context) => {
      const account = await newAccount();
      const soon = new Date(Date.now() + 2000).toUTCString();
      for (const asked of ["1", soon]) {
        const { url } = await proxy(context, { answer: 429, headers: { "Retry-After": asked } });
        const begun = Date.now();
        await sender(url, SOON)("PATCH", `/v6/billing-accounts/${account}/lock-amount`, lock());
        // A date has whole seconds.
        assert(Date.now() >= (asked === "1" ? begun + 1000 : Date.parse(soon)), asked);
      }
    });

    test("a Retry-After beyond the longest pause ends the retries", async (context) => {
      const { url, seen } = await proxy(context, { answer: 503, headers: { "Retry-After": "31" } });
      const error = await rejection(sender(url, SOON)("GET", "/v6/clients"));
      assert.deepEqual([error.status, seen.length], [503, 1]);
    });

    test("giving up ends the pause and the retries", async (context) => {
      const { url, seen } = await proxy(context, { answer: 503, headers: { "Retry-After": "20" } });
      const controller = new AbortController();
      const promise = rejection(sender(url, SOON)("GET", "/v6/clients", undefined, { signal: controller.signal }));
      await whenSeen(context, seen);
      controller.abort();
      const error = await promise;
      assert(["AbortError", "CanceledError"].includes(error.name), error.name);
      assert.equal(seen.length, 1);
    });
  });
}

/** Wait until the proxy has answered its first request. */
async function whenSeen({ signal }: TestContext, seen: unknown[]): Promise<void> {
  while (seen.length === 0) {
    assert(!signal.aborted);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a Request object is sent again with its body", async (context) => {
  const { url, seen } = await proxy(context, { answer: 503 }, { lost: "request" });
  const body = JSON.stringify({ name: newReference() });
  const headers = { ...bearer("ADMIN_TOKEN"), "Content-Type": "application/json" };
  const response = await adaptFetch(SOON)(new Request(`${url}/v6/clients`, { method: "POST", headers, body }));
  assert.equal(response.status, 201);
  assert.deepEqual(seen.map((each) => each.body), [body, body, body]);
});

test("interceptors see a request once, however often it was attempted", async (context) => {
  const { url } = await proxy(context, { answer: 503 }, { answer: 503 });
  const api = adaptedAxios(SOON, url);
  let [requests, responses] = [0, 0];
  api.interceptors.request.use((config) => ((requests += 1), config));
  api.interceptors.response.use((response) => ((responses += 1), response));
  await api.get("/v6/clients");
  assert.deepEqual([requests, responses], [1, 1]);
});

test("a config that is sent again keeps its key and is not adapted twice", async (context) => {
  const { url, seen } = await proxy(context, { answer: 401, body: failure(401, "unauthorized") });
  const api = adaptedAxios({ ...SOON, lists: "array" }, url);
  api.interceptors.response.use(undefined, (error) => {
    if (error.response.status !== 401) throw error;
    return api.request(error.config);
  });
  const name = newReference();
  assert.equal((await api.post("/v6/clients", { name })).data.name, name);
  assert.equal(seen.length, 2);
  assert.equal(seen[0]?.key, seen[1]?.key);
  assert.deepEqual([seen[0]?.body, seen[1]?.body], [JSON.stringify({ name }), JSON.stringify({ name })]);
});

test("the attempts of a config that is sent again do not multiply", async (context) => {
  const refused = { answer: 401, body: failure(401, "unauthorized") } as const;
  const { url, seen } = await proxy(context, refused, ...Array<Fault>(20).fill({ answer: 503 }));
  const api = adaptedAxios(SOON, url);
  const first = await rejection(api.get("/v6/clients"));
  assert.equal((await rejection(api.request(first.config))).status, 503);
  assert.equal(seen.length, 1 + 4);
});

test("a timeout is a lost response: the write happens once", async () => {
  const account = await newAccount();
  const api = adaptedAxios(SOON);
  // Nothing answers within a millisecond; whether the service heard it is not known.
  const options = { timeout: 1, headers: { "Idempotency-Key": newReference() } };
  const path = `/v6/billing-accounts/${account}/consume-amount`;
  const json = engagement();
  await api.patch(path, json, options).catch(() => undefined);
  await api.patch(path, json, { ...options, timeout: 0 });
  assert.equal((await api.get(`/v6/billing-accounts/${account}`)).data.consumedBudget, 10);
});

test("a setting that cannot work is not attempted again", async () => {
  const api = adaptedAxios(SOON);
  let attempts = 0;
  const send = axios.getAdapter("http");
  const error = await rejection(
    api.get("/openapi.json", { maxContentLength: 10, adapter: (config) => ((attempts += 1), send(config)) }),
  );
  assert.deepEqual([error.code, attempts], ["ERR_BAD_RESPONSE", 1]);
});

test("an address nobody listens on is tried again", async () => {
  const error = await rejection(adaptedAxios(SOON, "http://127.0.0.1:9").get("/v6/clients"));
  assert.equal(error.code, "ECONNREFUSED");
  assert.equal(BASE_URL.startsWith("http://127.0.0.1:"), true);
});
