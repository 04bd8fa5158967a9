import { errorOf, isJson, parsed, unwrappedText } from "./envelope.js";
import { ServiceError } from "./errors.js";
import { type Options, optionsOf } from "./options.js";
import { addKey, isRepeatable, type Outcome, withRetries } from "./retries.js";

export interface FetchOptions extends Options {
  /** The fetch underneath. Defaults to the global one. */
  fetch?: typeof fetch;
}

/**
 * A fetch for callers that were written for a service without an envelope. As with any fetch a failure is a response
 * whose `ok` is false. Bodies that are not JSON, such as PDFs, are passed on as they come.
 */
export function adaptFetch(options: FetchOptions = {}): typeof fetch {
  return async (input, init) => {
    const settings = optionsOf(options, init);
    const send = options.fetch ?? fetch;
    const request = new Request(input, init);
    addKey(request.method, request.headers, settings);
    return withRetries(
      () => attempt(() => send(request.clone()), request.signal, settings),
      isRepeatable(request.method, request.headers),
      settings,
      request.signal,
    );
  };
}

async function attempt(send: () => Promise<Response>, signal: AbortSignal, options: Options): Promise<Outcome<Response>> {
  try {
    const response = await send();
    const { status, headers } = response;
    if (!isJson(headers)) return { status, headers, settle: () => response };
    // Read here, where an answer that breaks off is one that was lost.
    const text = await response.text();
    const reason = response.ok ? undefined : errorOf(parsed(text))?.reason;
    return { status, headers, reason, settle: () => rebuilt(response, text, options) };
  } catch (error) {
    const settle = () => {
      throw error;
    };
    return { status: signal.aborted ? "ended" : "lost", settle };
  }
}

/** The response with the body its caller expects. */
function rebuilt(response: Response, text: string, options: Options): Response {
  const headers = new Headers(response.headers);
  const body = unwrappedText(text, headers, options);
  // They tell of the body as it was sent.
  headers.delete("content-encoding");
  headers.delete("content-length");
  const { status, statusText, url } = response;
  const plain = new Response(text === "" ? null : body, { status, statusText, headers });
  return Object.defineProperty(plain, "url", { value: url });
}

export interface CallerOptions extends FetchOptions {
  /** Put before each path. */
  baseUrl?: string;
  /** Headers of every call, or a function that makes them: a place for the token. */
  headers?: HeadersInit | (() => HeadersInit | Promise<HeadersInit>);
}

export interface CallInit extends RequestInit {
  /** A body, to be sent as JSON. */
  json?: unknown;
}

const etags = new WeakMap<object, string>();

/** The ETag of an object that a caller of `createCaller` gave: to be sent as `If-Match` when the object is changed. */
export function etagOf(object: object): string | undefined {
  return etags.get(object);
}

/**
 * A function that gives the data of a call, or throws a `ServiceError`. What is not JSON, such as a PDF, is given as
 * a Blob. `const account = await call<Data<"/v6/billing-accounts/{billingAccountId}">>("/v6/billing-accounts/7")`
 */
export function createCaller(options: CallerOptions = {}): <T>(path: string, init?: CallInit) => Promise<T> {
  const send = adaptFetch(options);
  return async <T>(path: string, { json, ...init }: CallInit = {}) => {
    const common = typeof options.headers === "function" ? await options.headers() : options.headers;
    const headers = new Headers(common);
    new Headers(init.headers).forEach((value, name) => headers.set(name, value));
    if (json !== undefined) {
      headers.set("Content-Type", "application/json");
      init.body = JSON.stringify(json);
    }
    const response = await send(`${options.baseUrl ?? ""}${path}`, { ...init, headers });
    if (!response.ok) throw new ServiceError(response, errorOf(parsed(await response.clone().text())));
    const data: unknown = isJson(response.headers) ? await response.json() : await response.blob();
    const etag = response.headers.get("etag");
    if (etag !== null && typeof data === "object" && data !== null) etags.set(data, etag);
    return data as T;
  };
}
