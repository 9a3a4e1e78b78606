import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { describe, expect, it, vi } from "vitest";
import { ApiError } from "@/api/client";
import type { ParameterValue, ParameterValues } from "@/lib/parameters";
import { analyses, job } from "@/testing/fixtures";
import { expectAccessible, renderAt } from "@/testing/render";
import { fakeServer } from "@/testing/server";
import { JobProgress } from "./JobProgress";
import { LineChart } from "./LineChart";
import { ErrorNote } from "./Notice";
import { ParameterForm } from "./ParameterForm";
import { TokenStrip } from "./TokenStrip";

describe("TokenStrip", () => {
  const strip = (onPick = vi.fn()) => {
    renderAt(
      "/",
      <TokenStrip
        label="Context 1"
        tokens={["12", " +", "\n"]}
        values={[0.5, 4.25, -1]}
        peak={1}
        reach={4.25}
        onPick={onPick}
      />,
    );
    return onPick;
  };

  it("has every value at full precision and one stop for Tab", async () => {
    strip();
    const chips = screen.getAllByRole("button");
    expect(chips.map((chip) => chip.dataset.value)).toEqual(["0.5", "4.25", "-1"]);
    expect(chips.map((chip) => chip.textContent)).toEqual(["12", "·+", "↵"]);
    expect(chips.filter((chip) => chip.tabIndex === 0)).toEqual([chips[1]]);
    await expectAccessible(document.body);
  });

  it("is walked with the arrow keys and pressed with Enter", async () => {
    const onPick = strip();
    const user = userEvent.setup();
    await user.tab();
    await user.keyboard("{ArrowRight}{ArrowRight}");
    expect(screen.getByRole("button", { name: /line break/ })).toHaveFocus();
    await user.keyboard("{Home}{Enter}");
    expect(onPick.mock.calls[0]?.[0]).toBe("12");
  });
});

describe("JobProgress", () => {
  it("shows how far it is and cancels", async () => {
    const server = fakeServer({
      [`DELETE /api/jobs/${job().job_id}`]: { body: job({ state: "cancelled" }) },
    });
    renderAt("/", <JobProgress job={job()} />);
    expect(screen.getByText("250 of 1,000 documents")).toBeVisible();
    expect(screen.getByRole("progressbar")).toHaveAttribute("aria-valuenow", "25");
    await userEvent.click(screen.getByRole("button", { name: /^Cancel/ }));
    await waitFor(() => expect(server.calls.map((call) => call.method)).toEqual(["DELETE"]));
    await expectAccessible(document.body);
  });

  it("says why it failed and offers no cancel", () => {
    const error = { code: "failed", message: "Memory ran out.", hint: "Try fewer units." };
    renderAt("/", <JobProgress job={job({ state: "failed", error })} />);
    expect(screen.getByText("Memory ran out.")).toBeVisible();
    expect(screen.getByText("Try fewer units.")).toBeVisible();
    expect(screen.queryByRole("button")).toBeNull();
  });
});

describe("ParameterForm", () => {
  function Form({ onChange }: { onChange: (name: string, value: ParameterValue) => void }) {
    const [values, setValues] = useState<ParameterValues>({
      k: 1,
      seed: 0,
      components: 2,
      normalise: "zscore",
    });
    return (
      <ParameterForm
        parameters={analyses.flatMap((one) => one.parameters)}
        values={values}
        onChange={(name, value) => {
          setValues((before) => ({ ...before, [name]: value }));
          onChange(name, value);
        }}
      />
    );
  }

  it("is made from the declaration alone", async () => {
    renderAt("/", <Form onChange={vi.fn()} />);
    expect(screen.getByLabelText("K")).toHaveValue("1");
    expect(screen.getByText("At least 2")).toBeVisible();
    expect(screen.getByLabelText("Components")).toHaveValue("2");
    expect(screen.getByLabelText("Normalise")).toHaveValue("zscore");
    await expectAccessible(document.body);
  });

  it("can be emptied and typed into", async () => {
    const onChange = vi.fn();
    renderAt("/", <Form onChange={onChange} />);
    const field = screen.getByLabelText("Components");
    await userEvent.clear(field);
    expect(field).toHaveValue("");
    expect(onChange).not.toHaveBeenCalled();
    await userEvent.type(field, "10");
    expect(field).toHaveValue("10");
    expect(onChange).toHaveBeenLastCalledWith("components", 10);
  });
});

describe("ErrorNote", () => {
  it("says what went wrong, what to try, and tries it", async () => {
    const retry = vi.fn();
    renderAt(
      "/",
      <ErrorNote
        error={new ApiError(409, "insufficient_memory", "It does not fit.", "Unload one.")}
        onRetry={retry}
      />,
    );
    expect(screen.getByRole("alert")).toHaveTextContent(/It does not fit\..*Unload one\./);
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(retry).toHaveBeenCalledOnce();
  });
});

describe("LineChart", () => {
  it("draws a single layer and all zeros", () => {
    const chart = (
      <LineChart
        label="std by layer"
        points={[{ x: 0, y: 0 }]}
        chosen={0}
        format={String}
        onChoose={vi.fn()}
      />
    );
    renderAt("/", chart);
    expect(screen.getByRole("img", { name: "std by layer" }).innerHTML).not.toContain("NaN");
  });
});
