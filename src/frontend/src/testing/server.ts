/** A server made of a table: `METHOD path` to an answer. What is not in the table answers 404. */

import { vi } from "vitest";

export interface Reply {
  status?: number;
  body: unknown;
}

export type Answer = Reply | ((request: { url: URL; body: unknown }) => Reply | Promise<Reply>);

export interface Call {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
}

export interface FakeServer {
  calls: Call[];
  /** The latest call of a path. */
  asked: (path: string, method?: string) => Call | undefined;
  on: (route: string, answer: Answer) => void;
}

export const failure = (
  status: number,
  code: string,
  message: string,
  hint = "Do something else.",
): Reply => ({
  status,
  body: { error: { code, message, hint } },
});

export const never: Answer = () => new Promise<Reply>(() => undefined);

export function fakeServer(routes: Record<string, Answer> = {}): FakeServer {
  const table = { ...routes };
  const calls: Call[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const url = new URL(request.url);
    const text = await request.text();
    const body: unknown = text === "" ? null : JSON.parse(text);
    calls.push({ method: request.method, path: url.pathname, query: url.searchParams, body });
    const answer =
      table[`${request.method} ${url.pathname}`] ?? failure(404, "not_found", `No ${url.pathname}.`);
    const { status = 200, body: sent } = typeof answer === "function" ? await answer({ url, body }) : answer;
    return new Response(JSON.stringify(sent), { status, headers: { "content-type": "application/json" } });
  });
  return {
    calls,
    asked: (path, method) =>
      calls.findLast((call) => call.path === path && (method === undefined || call.method === method)),
    on: (route, answer) => {
      table[route] = answer;
    },
  };
}
