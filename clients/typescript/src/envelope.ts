import type { Options } from "./options.js";
import type { Reason } from "./types.js";

/** What `Headers` and `AxiosHeaders` have in common. */
export interface HeaderAccess {
  get(name: string): unknown;
  has(name: string): boolean;
  set(name: string, value: string): unknown;
}

/** The error of a failure, as the service sends it. */
export interface ErrorDetail {
  code: number;
  reason: Reason;
  message: string;
  details?: unknown;
}

type Fields = Record<string, unknown>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

export function isJson(headers: HeaderAccess): boolean {
  return /^application\/(\S+\+)?json\b/i.test(String(headers.get("content-type") ?? ""));
}

/** The value of a JSON text, or undefined when it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The error in the body of a failure, or undefined when the body is no envelope of the service. */
export function errorOf(body: unknown): ErrorDetail | undefined {
  if (!isObject(body) || body["success"] !== false || !isObject(body["error"])) return undefined;
  const { reason, message } = body["error"];
  return typeof reason === "string" && typeof message === "string" ? (body["error"] as unknown as ErrorDetail) : undefined;
}

/**
 * A body without its envelope, lists in the shape of the options; anything else as it is. A failure keeps its
 * envelope and has `message`, `reason`, `details` and `statusCode` beside it, where callers of other services look.
 */
export function unwrapped(body: unknown, headers: HeaderAccess, { unwrap = true, lists = "results" }: Options): unknown {
  if (!unwrap || !isObject(body)) return body;
  const error = errorOf(body);
  if (error) {
    const { code, reason, message, details } = error;
    return { ...body, statusCode: code, reason, message, ...(details === undefined ? {} : { details }) };
  }
  if (body["success"] !== true || !("data" in body)) return body;
  const { data } = body;
  if (!isObject(data) || !Array.isArray(data["results"]) || typeof data["count"] !== "number") return data;
  const { results, count, page } = data;
  const perPage = data["perPage"] ?? data["per_page"];
  const totalPages = data["totalPages"] ?? data["total_pages"];
  addPagingHeaders(headers, Number(page), Number(perPage), count, Number(totalPages));
  if (lists === "array") return results;
  return lists === "page" ? { data: results, total: count, page, perPage, totalPages } : data;
}

/** As `unwrapped`, from JSON text to JSON text. */
export function unwrappedText(text: string, headers: HeaderAccess, options: Options): string {
  const body = parsed(text);
  const plain = unwrapped(body, headers, options);
  return plain === body ? text : JSON.stringify(plain);
}

/** The service sends these headers, but a page of another origin reads only those that its proxies expose too. */
function addPagingHeaders(headers: HeaderAccess, page: number, perPage: number, total: number, pages: number): void {
  const values = {
    "x-page": page,
    "x-per-page": perPage,
    "x-total": total,
    "x-total-pages": pages,
    ...(page > 1 ? { "x-prev-page": page - 1 } : {}),
    ...(page < pages ? { "x-next-page": page + 1 } : {}),
  };
  // In lower case, as callers of axios find those that were sent.
  for (const [name, value] of Object.entries(values)) if (!headers.has(name)) headers.set(name, String(value));
}
