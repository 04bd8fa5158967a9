// What an existing client needs to go on as before: the answer's data, or an error that says why.
import axios, { type AxiosInstance } from "axios";

export class ServiceError extends Error {
  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
    readonly details?: unknown,
  ) {
    super(message);
  }
}

// With fetch: call<Account>("/v6/billing-accounts/7", { headers: { Authorization: "Bearer …" } })
export async function call<T>(url: string, init?: RequestInit): Promise<T> {
  const body = await (await fetch(url, init)).json();
  if (!body.success) {
    throw new ServiceError(body.error.code, body.error.reason, body.error.message, body.error.details);
  }
  return body.data;
}

// With axios: const api = unwrapping(axios.create({ baseURL }))
export function unwrapping(api: AxiosInstance): AxiosInstance {
  api.interceptors.response.use(
    (answer) => ({ ...answer, data: answer.data.data }),
    (failure) => {
      const error = axios.isAxiosError(failure) ? failure.response?.data?.error : undefined;
      throw error ? new ServiceError(error.code, error.reason, error.message, error.details) : failure;
    },
  );
  return api;
}
