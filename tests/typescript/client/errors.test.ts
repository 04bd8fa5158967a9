// Failures, as errors that say why and still look like those of axios and fetch.
import assert from "node:assert/strict";
import { test } from "node:test";

import axios from "axios";
import { adaptAxios } from "billing-service-client/axios";
import { adaptFetch, isServiceError, ServiceError } from "billing-service-client";

import { adaptedAxios, BASE_URL, bearer, caller, proxy, rejection } from "./support.js";

const BROKEN = { name: 7 };
const DETAILS = { json: { name: ["Not a valid string."] } };

test("an axios error keeps what it had and says why", async () => {
  const error = await rejection(adaptedAxios().post("/v6/clients", BROKEN));
  assert(axios.isAxiosError(error) && isServiceError(error));
  assert.deepEqual([error.name, error.code, error.status], ["AxiosError", "ERR_BAD_REQUEST", 400]);
  assert.deepEqual([error.reason, error.details], ["invalid_input", DETAILS]);
  assert.equal(error.requestId, error.response?.headers["x-request-id"]);
  assert.match(error.requestId ?? "", /\S/);
  const { status, data } = error.response ?? assert.fail();
  assert.equal(status, 400);
  assert.deepEqual([data.message, data.statusCode, data.reason, data.details], [error.message, 400, "invalid_input", DETAILS]);
  assert.deepEqual([data.success, data.error.reason], [false, "invalid_input"]);
  assert.doesNotMatch(error.message, /status code/);
});

test("an error of createCaller says why and has the response", async () => {
  const error = await rejection(caller()("/v6/clients", { method: "POST", json: BROKEN }));
  assert(error instanceof ServiceError && isServiceError(error));
  assert.deepEqual([error.status, error.reason, error.details], [400, "invalid_input", DETAILS]);
  assert.equal(error.requestId, error.response.headers.get("x-request-id"));
  assert.equal((await error.response.json()).message, error.message);
});

test("an adapted fetch answers failures and throws none", async () => {
  const response = await adaptFetch()(`${BASE_URL}/v6/clients/nobody`, { headers: bearer("ADMIN_TOKEN") });
  assert.deepEqual([response.ok, response.status, response.url], [false, 404, `${BASE_URL}/v6/clients/nobody`]);
  const body = await response.json();
  assert.deepEqual([body.message, body.statusCode, body.reason], [body.error.message, 404, "not_found"]);
});

test("no token is an error with its status", async () => {
  const api = adaptAxios(axios.create({ baseURL: BASE_URL }));
  const error = await rejection(api.get("/v6/clients"));
  assert.deepEqual([error.response.status, error.reason], [401, "unauthorized"]);
});

test("a caller who takes every status gets the failure as data", async () => {
  const response = await adaptedAxios().get("/v6/clients/nobody", { validateStatus: () => true });
  assert.deepEqual([response.status, response.data.message], [404, response.data.error.message]);
});

test("what is no answer of the service is no service error", async (context) => {
  const page = { answer: 403, headers: { "Content-Type": "text/html" }, body: "<h1>Forbidden</h1>" } as const;
  const { url } = await proxy(context, page, page);
  const error = await rejection(adaptedAxios({}, url).get("/v6/clients"));
  assert(axios.isAxiosError(error) && !isServiceError(error));
  assert.deepEqual([error.response?.status, error.response?.data], [403, "<h1>Forbidden</h1>"]);
  const thrown = await rejection(caller({}, url)("/v6/clients"));
  assert.deepEqual([thrown.status, thrown.reason], [403, "http_error"]);
});

test("JSON of somebody else is passed on", async (context) => {
  const other = { answer: 400, body: { success: false, error: "no" } } as const;
  const { url } = await proxy(context, other, { answer: 200, body: ["a"] }, { answer: 200, body: "{broken" });
  const error = await rejection(adaptedAxios({}, url).get("/"));
  assert.deepEqual([error.response.data, isServiceError(error)], [{ success: false, error: "no" }, false]);
  assert.deepEqual((await adaptedAxios({}, url).get("/")).data, ["a"]);
  assert.equal((await adaptedAxios({}, url).get("/")).data, "{broken");
});

test("a network error has no status", async (context) => {
  const { url } = await proxy(context, { lost: "request" }, { lost: "request" });
  const once = { attempts: 1 };
  const error = await rejection(adaptedAxios(once, url).get("/v6/clients"));
  assert(axios.isAxiosError(error) && !isServiceError(error));
  assert.equal(error.response, undefined);
  assert(!isServiceError(await rejection(caller(once, url)("/v6/clients"))));
});
