import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { useState } from "react";
import { BrowserRouter } from "react-router";
import { useSession } from "@/state/session";
import { ErrorBoundary } from "./ErrorBoundary";
import { KeyPage } from "./KeyPage";
import { makeQueryClient } from "./queryClient";
import { Shell } from "./Shell";
import { cssVariables, theme } from "./theme";

export function App() {
  const [queries] = useState(makeQueryClient);
  const locked = useSession((session) => session.connection === "unauthorised");
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="dark">
      <QueryClientProvider client={queries}>
        {/* Form fields are kept in the address: a change that waits for a transition would lose what is typed. */}
        <BrowserRouter useTransitions={false}>
          <ErrorBoundary>{locked ? <KeyPage /> : <Shell />}</ErrorBoundary>
        </BrowserRouter>
      </QueryClientProvider>
    </MantineProvider>
  );
}
