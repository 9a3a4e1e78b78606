/** The one door to the server: same-origin calls, typed by the schema, failing with one kind of error. */

import createClient, { type Middleware } from "openapi-fetch";
import { pageHint } from "@/lib/hints";
import type { paths } from "./schema";

export class ApiError extends Error {
  readonly code: string;
  readonly hint: string;
  /** 0 where no answer came. */
  readonly status: number;

  constructor(status: number, code: string, message: string, hint: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

interface Answered<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

const unreachable = () =>
  new ApiError(
    0,
    "unreachable",
    "The server does not answer.",
    "Check that NeuronScope is still running in its terminal, then try again.",
  );

const noAnswer: Middleware = {
  // The page's own cancel is no failure of the server, and goes on as it is.
  onError: ({ error }) =>
    error instanceof DOMException && error.name === "AbortError" ? undefined : unreachable(),
};

export const client = createClient<paths>({
  baseUrl: window.location.origin,
  credentials: "same-origin",
  // Looked up on each call, so that a test can put its own in place.
  fetch: (request) => globalThis.fetch(request),
});
client.use(noAnswer);

function describe(error: unknown): { code?: unknown; message?: unknown; hint?: unknown } {
  if (typeof error !== "object" || error === null || !("error" in error)) return {};
  return typeof error.error === "object" && error.error !== null ? error.error : {};
}

/** The data of an answer, or its error thrown. */
export async function unwrap<Data>(call: Promise<Answered<Data>>): Promise<Data> {
  const { data, error, response } = await call;
  if (response.ok && data !== undefined) return data;
  const { code, message, hint } = describe(error);
  // Between a restarting server and the page stands the dev proxy, which answers 502 or an empty 500.
  if (
    response.status === 502 ||
    response.status === 504 ||
    (response.status === 500 && message === undefined)
  )
    throw unreachable();
  const said = typeof message === "string" ? message : `The server answered with status ${response.status}.`;
  throw new ApiError(
    response.status,
    typeof code === "string" ? code : "unexpected",
    said,
    typeof hint === "string"
      ? pageHint(said, hint)
      : "Try again; if it stays so, look at the program's terminal.",
  );
}
