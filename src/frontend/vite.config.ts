import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env.NEURONSCOPE_API ?? "http://127.0.0.1:5000";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: {
    port: 3000,
    proxy: {
      // The server checks Origin and Host against its own address, so both are rewritten on the way.
      "/api": { target: server, changeOrigin: true, ws: true, headers: { origin: server } },
      // The address with the token goes to the server, which sets the cookie and sends the browser back without it.
      "^/\\?(.*&)?token=": { target: server, changeOrigin: true, headers: { origin: server } },
    },
  },
  build: {
    outDir: "../backend/neuronscope/web",
    emptyOutDir: true,
    manifest: true,
    chunkSizeWarningLimit: 1600,
  },
  test: {
    restoreMocks: true,
    testTimeout: 20_000,
    unstubGlobals: true,
    projects: [
      {
        extends: true,
        test: { name: "lib", environment: "node", include: ["src/{lib,testing}/**/*.test.ts"] },
      },
      {
        extends: true,
        test: {
          name: "page",
          environment: "jsdom",
          setupFiles: ["src/testing/setup.ts"],
          include: ["src/{app,api,components,state,views}/**/*.test.{ts,tsx}"],
        },
      },
    ],
  },
});
