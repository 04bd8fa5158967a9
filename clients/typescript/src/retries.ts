import type { HeaderAccess } from "./envelope.js";
import type { Options } from "./options.js";

/** What one attempt came to: how it is judged, and how the caller gets it. */
export interface Outcome<T> {
  /** The status; `lost` when no answer came; `ended` when another attempt makes no sense. */
  status: number | "lost" | "ended";
  reason?: string | undefined;
  headers?: HeaderAccess;
  /** Gives the caller the response, or throws. */
  settle: () => T;
}

export const KEY_HEADER = "Idempotency-Key";
// 502 and 504 come from a proxy whose service is being replaced.
const TEMPORARY = new Set<Outcome<unknown>["status"]>(["lost", 408, 429, 502, 503, 504]);

const takesKey = (method: string) => method === "POST" || method === "PATCH";

/** Set the key of a request that may have one; every attempt sends it. */
export function addKey(method: string, headers: HeaderAccess, { idempotencyKey = true }: Options): void {
  if (!takesKey(method) || headers.has(KEY_HEADER) || idempotencyKey === false) return;
  headers.set(KEY_HEADER, idempotencyKey === true ? randomKey() : idempotencyKey);
}

/** Whether an attempt may be repeated although it may have had its effect. */
export function isRepeatable(method: string, headers: HeaderAccess): boolean {
  return method === "GET" || method === "HEAD" || (takesKey(method) && headers.has(KEY_HEADER));
}

/** Attempt until the outcome is final or the attempts are used up. */
export async function withRetries<T>(
  attempt: () => Promise<Outcome<T>>,
  repeatable: boolean,
  options: Options,
  signal: AbortSignal | undefined,
): Promise<T> {
  const { attempts = 4, pauseMs = 250, longestPauseMs = 30_000 } = options;
  for (let made = 1; ; made += 1) {
    const outcome = await attempt();
    const temporary =
      TEMPORARY.has(outcome.status) || (outcome.status === 409 && outcome.reason === "idempotency_in_progress");
    if (!repeatable || !temporary || made >= attempts) return outcome.settle();
    // Half of it at random, so that callers who failed together do not come again together.
    const backOff = Math.min(pauseMs * 2 ** (made - 1), longestPauseMs) * (0.5 + Math.random() / 2);
    const asked = retryAfterMs(outcome.headers);
    if (asked > longestPauseMs) return outcome.settle();
    await pause(asked + backOff, signal);
  }
}

/** How long `Retry-After` asks to wait: seconds, or until a date. */
function retryAfterMs(headers: HeaderAccess | undefined): number {
  const value = headers?.get("retry-after");
  if (typeof value !== "string" || value === "") return 0;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? 0 : Math.max(ms, 0);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}

/** `crypto.randomUUID` is missing from pages that came over plain HTTP. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
