/** Who may import whom, held over every file: app → views → components → api, state, lib; no view imports another. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SRC = dirname(dirname(fileURLToPath(import.meta.url)));
const MAY: Record<string, readonly string[]> = {
  "main.tsx": ["app"],
  app: ["app", "views", "components", "api", "state", "lib"],
  views: ["views", "components", "api", "state", "lib"],
  components: ["components", "api", "state", "lib"],
  api: ["api", "state", "lib"],
  state: ["api", "state", "lib"],
  lib: ["lib"],
};

const source = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => /\.tsx?$/.test(path) && !path.endsWith(".d.ts") && !path.startsWith("testing/"));
const shipped = source.filter((path) => !/\.test\.tsx?$/.test(path));

/** What an import in `file` points at, as a path under src; null for a package. */
function target(file: string, name: string): string | null {
  if (name.startsWith("@/")) return name.slice(2);
  return name.startsWith(".") ? posix.normalize(posix.join(posix.dirname(file), name)) : null;
}

function problem(file: string, name: string, typesOnly: boolean): string | null {
  const to = target(file, name);
  if (to === null || to.endsWith(".css")) return null;
  const [from = "", view = ""] = file.split("/");
  const [layer = "", otherView = ""] = to.split("/");
  // The generated types are the vocabulary of every layer.
  if (to === "api/types" && typesOnly) return null;
  if (!(MAY[from] ?? []).includes(layer)) return `${file} imports ${to}: ${from} may not import ${layer}`;
  const inView = from === "views" && file.split("/").length > 2;
  if (inView && layer === "views" && otherView !== view)
    return `${file} imports ${to}: a view never imports another`;
  return null;
}

const IMPORT =
  /(?:import|export)\s+(type\s+)?(?:[^"';]*?\s+from\s+)?["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/g;

describe("the import rule", () => {
  it("holds in every file", () => {
    const found = shipped.flatMap((file) =>
      [...readFileSync(join(SRC, file), "utf8").matchAll(IMPORT)].flatMap(
        ([, type, from, lazy]) => problem(file, from ?? lazy ?? "", type !== undefined) ?? [],
      ),
    );
    expect(found).toEqual([]);
    expect(shipped.length).toBeGreaterThan(60);
  });

  it.each([
    ["views/explore/a.tsx", "@/views/neuron/Contexts"],
    ["views/explore/a.tsx", "../neuron/Contexts"],
    ["views/explore/a.tsx", "@/app/Shell"],
    ["components/a.tsx", "@/views/registry"],
    ["components/plot/a.tsx", "../../app/theme"],
    ["state/a.ts", "@/components/Panel"],
    ["lib/a.ts", "@/api/client"],
    ["lib/a.ts", "../state/session"],
  ])("is broken by %s importing %s", (file, name) => expect(problem(file, name, false)).not.toBeNull());

  it.each([
    ["views/explore/a.tsx", "./options"],
    ["views/explore/a.tsx", "@/components/Panel"],
    ["views/registry.ts", "./explore/ExploreView"],
    ["app/model/a.tsx", "@/views/registry"],
    ["components/a.tsx", "react"],
  ])("is kept by %s importing %s", (file, name) => expect(problem(file, name, false)).toBeNull());
});

describe("files", () => {
  it("stay small", () => {
    const long = source
      .map((path) => `${path}: ${readFileSync(join(SRC, path), "utf8").split("\n").length}`)
      .filter((line) => Number(line.split(": ")[1]) > 300);
    expect(long).toEqual([]);
  });

  it("never import Plotly but in its own chunk", () => {
    const eager = shipped.filter(
      (path) =>
        path !== "components/plot/plotly.ts" &&
        /from\s+["'](plotly\.js|react-plotly\.js[^"']*|[^"']*\/plotly)["']/.test(
          readFileSync(join(SRC, path), "utf8"),
        ),
    );
    expect(eager).toEqual([]);
  });

  it("are found", () => expect(relative(SRC, join(SRC, "main.tsx"))).toBe("main.tsx"));
});
