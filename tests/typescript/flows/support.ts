import assert from "node:assert/strict";

/** A setting that the runner passes on. */
export function setting(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}

/** What a successful call carries; fails for any other answer. */
export function data<T>(answer: { data?: { data: T }; error?: unknown }): T {
  assert(answer.data, `The call failed: ${JSON.stringify(answer.error)}`);
  return answer.data.data;
}

