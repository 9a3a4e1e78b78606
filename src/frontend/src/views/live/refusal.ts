/** Why a wish was not granted, and what can be sent in its place. */

import { ApiError } from "@/api/client";
import type { GenerateRequest } from "@/api/live";
import { pageHint } from "@/lib/hints";
import type { ErrorEvent, Message } from "@/lib/liveEvents";

/** A message as it was sent: all that goes with it, and what a person typed. */
export interface Sendable {
  request: GenerateRequest;
  text: string;
}

export interface Refusal {
  /** What was wished. */
  about: "message" | "change";
  error: ApiError;
  /** The same without its earliest messages, where a conversation was too long. */
  shorter: Sendable | null;
}

export const refused = (about: Refusal["about"], error: ApiError): Refusal => ({
  about,
  error,
  shorter: null,
});

export const asError = ({ code, message, hint }: ErrorEvent) =>
  new ApiError(400, code, message, pageHint(message, hint));

export const lostNow = () =>
  new ApiError(
    0,
    "unreachable",
    "The connection is lost just now.",
    "The page joins the run again by itself.",
  );

const goneBefore = () =>
  new ApiError(0, "not_found", "The server was started anew before the run had begun.", "Send it again.");

/** Why a message did not become a run. */
export function notSent(error: ErrorEvent, sent: Sendable | null): Refusal {
  if (error.request === "watch") return refused("message", goneBefore());
  const found = refused("message", asError(error));
  const messages = error.code === "too_large" ? withoutEarliest(sent?.request.messages) : null;
  return sent && messages
    ? { ...found, shorter: { ...sent, request: { ...sent.request, messages } } }
    : found;
}

/** A conversation without its first question and answer; what a system message says stays. Null where nothing can go. */
function withoutEarliest(messages: readonly Message[] = []): Message[] | null {
  const isSystem = ({ role }: Message) => role === "system";
  const said = messages.filter((one) => !isSystem(one));
  const next = said.findIndex(({ role }, at) => at > 0 && role === "user");
  return next > 0 ? [...messages.filter(isSystem), ...said.slice(next)] : null;
}
