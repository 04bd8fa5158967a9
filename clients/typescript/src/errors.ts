import { type ErrorDetail, type HeaderAccess } from "./envelope.js";
import type { Reason } from "./types.js";

/** What the errors of all adapters have. */
export interface ServiceFailure extends Error {
  /** The HTTP status. */
  status: number;
  /** Why the request failed: what programs match on. */
  reason: Reason;
  /** Errors by field, or facts such as `{available, requested}`. */
  details: unknown;
  /** The `X-Request-ID` of the response, to be named in a report. */
  requestId: string | undefined;
  /** The response: an axios response, or that of fetch. Its body can still be read. */
  response: { status: number };
}

/** The error of `createCaller`. */
export class ServiceError extends Error implements ServiceFailure {
  override readonly name = "ServiceError";
  readonly status: number;
  readonly reason: Reason;
  readonly details: unknown;
  readonly requestId: string | undefined;

  constructor(
    readonly response: Response,
    error: ErrorDetail | undefined,
  ) {
    // What stands between may answer without an envelope.
    super(error?.message ?? `The service answered with status ${response.status}`);
    this.status = response.status;
    this.reason = error?.reason ?? "http_error";
    this.details = error?.details;
    this.requestId = requestIdOf(response.headers);
  }
}

export function requestIdOf(headers: HeaderAccess): string | undefined {
  const value = headers.get("x-request-id");
  return typeof value === "string" ? value : undefined;
}

/** Whether the service answered with a failure. Errors of the network are none: nothing was answered. */
export function isServiceError(error: unknown): error is ServiceFailure {
  return error instanceof Error && "reason" in error && "status" in error && typeof error.status === "number";
}
