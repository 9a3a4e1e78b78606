import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import axe from "axe-core";
import type { ReactNode } from "react";
import { BrowserRouter } from "react-router";
import { expect } from "vitest";
import { makeQueryClient } from "@/app/queryClient";
import { cssVariables, theme } from "@/app/theme";
import { useSession } from "@/state/session";

/** Draws a part of the page at an address, with everything around it that the page gives. */
export function renderAt(address: string, ui: ReactNode) {
  window.history.replaceState(null, "", address);
  useSession.setState(useSession.getInitialState(), true);
  return render(
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="dark" env="test">
      <QueryClientProvider client={makeQueryClient()}>
        <BrowserRouter useTransitions={false}>{ui}</BrowserRouter>
      </QueryClientProvider>
    </MantineProvider>,
  );
}

/** Fails with what axe found. Colours need a real browser; the end-to-end tests look at those. */
export async function expectAccessible(element: Element): Promise<void> {
  const { violations } = await axe.run(element, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`)).toEqual(
    [],
  );
}
