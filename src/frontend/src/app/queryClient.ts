import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { ApiError } from "@/api/client";
import { forgetTry } from "@/lib/key";
import { useSession } from "@/state/session";

/** Whatever fails, the shell learns whether the server is gone or the key is missing. */
function noteFailure(error: unknown): void {
  if (!(error instanceof ApiError)) return;
  if (error.status === 401) useSession.getState().setConnection("unauthorised");
  else if (error.status === 0) useSession.getState().setConnection("unreachable");
}

function noteSuccess(): void {
  forgetTry();
  if (useSession.getState().connection === "unreachable") useSession.getState().setConnection("ok");
}

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({ onError: noteFailure, onSuccess: noteSuccess }),
    mutationCache: new MutationCache({ onError: noteFailure, onSuccess: noteSuccess }),
    defaultOptions: {
      queries: {
        // An answer with a status is an answer; only silence is worth asking again.
        retry: (count, error) => error instanceof ApiError && error.status === 0 && count < 1,
        refetchOnWindowFocus: false,
      },
    },
  });
}
