import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { TestContext } from "node:test";

import axios, { type AxiosInstance } from "axios";
import { adaptAxios } from "billing-service-client/axios";
import { createCaller, type Options } from "billing-service-client";

import { setting } from "../flows/support.js";

export const BASE_URL = setting("BASE_URL");

export const bearer = (name: "ADMIN_TOKEN" | "BUYER_TOKEN") => ({ Authorization: `Bearer ${setting(name)}` });

export function adaptedAxios(options: Options = {}, baseURL = BASE_URL): AxiosInstance {
  return adaptAxios(axios.create({ baseURL, headers: bearer("ADMIN_TOKEN") }), options);
}

export function caller(options: Options = {}, baseUrl = BASE_URL): ReturnType<typeof createCaller> {
  return createCaller({ baseUrl, headers: bearer("ADMIN_TOKEN"), ...options });
}

let made = 0;

/** A reference that no other test uses. */
export const newReference = () => `${process.pid}-${(made += 1)}`;

/** The id of a new account with a budget of 100. */
export async function newAccount(): Promise<number> {
  const call = caller();
  const client = await call<{ id: string }>("/v6/clients", { method: "POST", json: { name: newReference() } });
  const json = { name: newReference(), budget: 100, markup: 0, clientId: client.id };
  return (await call<{ id: number }>("/v6/billing-accounts", { method: "POST", json })).id;
}

/** What happens to a request on its way, instead of being answered by the service. */
export type Fault =
  | { answer: number; headers?: Record<string, string>; body?: unknown }
  /** The connection ends before the service heard the request, after it did, or in the middle of its response. */
  | { lost: "request" | "response" | "half" };

export interface Hop {
  url: string;
  /** The requests that came, in order. */
  seen: { method: string; key: string | undefined; body: string }[];
}

/** A proxy in front of the service that meets the first requests with faults, and passes the others on. */
export async function proxy(context: TestContext, ...faults: (Fault | "passed")[]): Promise<Hop> {
  const seen: Hop["seen"] = [];
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", headers } = request;
    const body = await buffer(request);
    seen.push({ method, key: headers["idempotency-key"] as string | undefined, body: body.toString() });
    const fault = faults.shift() ?? "passed";
    if (fault !== "passed" && "answer" in fault) {
      response.writeHead(fault.answer, { "Content-Type": "application/json", ...fault.headers });
      response.end(typeof fault.body === "string" ? fault.body : JSON.stringify(fault.body ?? failure(fault.answer)));
      return;
    }
    if (fault !== "passed" && fault.lost === "request") return void response.destroy();
    const { host, connection, "content-length": length, ...passed } = headers;
    const answer = await fetch(`${BASE_URL}${request.url}`, {
      method,
      headers: passed as Record<string, string>,
      ...(body.length ? { body } : {}),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (fault !== "passed" && fault.lost === "response") return void response.destroy();
    response.writeHead(answer.status, {
      ...Object.fromEntries(answer.headers),
      "content-encoding": "identity",
      "content-length": bytes.length,
    });
    if (fault === "passed") return void response.end(bytes);
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** A failure as the service would send it. */
export function failure(code: number, reason = "database_unavailable"): object {
  return { success: false, error: { code, reason, message: "Try again shortly" } };
}

/** What a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<any> {
  return promise.then(
    (value) => assert.fail(`not rejected: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
}
